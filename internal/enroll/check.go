package enroll

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"virtpki/internal/certinfo"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// check returns why a certificate must not be installed in a place: because no CA trusted here
// has signed it, because the program here would refuse it, or because it is for another time or
// name.
func (in *installer) check(j *change.Job, s *place, key crypto.Signer, cert *x509.Certificate) error {
	if !slices.Contains(pki.RolesOf(cert), s.live.Role) {
		return fmt.Errorf("it is for a %s, not for a %s", strings.Join(certinfo.Roles(cert), " and a "), s.live.Role)
	}
	if !slices.ContainsFunc(in.cas, func(ca *x509.Certificate) bool { return cert.CheckSignatureFrom(ca) == nil }) {
		return in.notSigned(cert)
	}
	if entry, ok := in.revoked(cert); ok {
		return fmt.Errorf("it was revoked on %s", termtext.Day(entry.RevocationTime))
	}
	if err := in.judge(j, s.live.Role, key, cert); err != nil {
		return err
	}
	if err := in.checkAge(s, cert); err != nil {
		return err
	}
	if err := in.checkSubject(j, s, cert); err != nil {
		return err
	}
	noteLost(j, s, cert)
	if s.given != nil {
		return in.checkGivenNames(j, s, cert)
	}
	return checkNames(j, s, cert)
}

// notSigned returns the error for a certificate that no CA trusted here has signed.
func (in *installer) notSigned(cert *x509.Certificate) error {
	named := func(ca *x509.Certificate) bool { return bytes.Equal(ca.RawSubject, cert.RawIssuer) }
	if slices.ContainsFunc(in.cas, named) {
		return fmt.Errorf("it names %s as its issuer but does not have its signature: somebody changed it", subject.IssuerOf(cert))
	}
	err := fmt.Errorf("it is not signed by a CA that is trusted here, but by %s", subject.IssuerOf(cert))
	if len(in.Given) > 0 {
		return hint.With(err, "give the certificate of that CA too")
	}
	return err
}

// revoked looks a certificate up in the lists that will count.
func (in *installer) revoked(cert *x509.Certificate) (x509.RevocationListEntry, bool) {
	for _, crl := range in.lists {
		if string(crl.RawIssuer) != string(cert.RawIssuer) {
			continue
		}
		if entry, ok := crl.Find(cert.SerialNumber); ok {
			return entry, true
		}
	}
	return x509.RevocationListEntry{}, false
}

// checkAge refuses a certificate that was signed before the installed one: somebody may have
// sent an old response a second time.
func (in *installer) checkAge(s *place, cert *x509.Certificate) error {
	live := s.live.Cert
	if s.given != nil && live != nil && !bytes.Equal(live.RawIssuer, cert.RawIssuer) {
		return nil // another CA's: that is meant
	}
	if in.Force || live == nil || s.live.Key == nil || s.live.Mismatch() != nil || !pki.Older(cert, live) {
		return nil
	}
	return hint.With(fmt.Errorf("it is older than the one that is installed (serial %s, from %s)", store.SerialText(live.SerialNumber), termtext.Instant(live.NotBefore)),
		"%s, or install it anyway with --force", in.newer())
}

// checkSubject compares the subject with that of the replaced certificate. Lists of DNs, here
// and on other hosts, depend on it.
func (in *installer) checkSubject(j *change.Job, s *place, cert *x509.Certificate) error {
	if s.live.Cert == nil || subject.Of(s.live.Cert) == subject.Of(cert) {
		return nil
	}
	before, after := subject.Of(s.live.Cert), subject.Of(cert)
	if in.KeepSubject && subject.Readable(s.live.Cert) {
		return hint.With(fmt.Errorf("the CA has changed the DN from %s to %s, and lists that admit the first DN would refuse this host", before, after),
			"make the CA keep it (virtpki sign --subject-from-request), or accept the new one with --new-subject")
	}
	if slices.Contains(pki.RolesOf(s.live.Cert), pki.Client) && !in.Force && in.product() == "libvirt" {
		if err := in.list.StillAdmitted(before, after); err != nil {
			return err
		}
	}
	j.Note("the %s's DN changes from %s to %s", s.live.Role, before, after)
	if s.live.Role == pki.Client {
		j.Next("on other hosts with a %s: add %s to it", libvirt.AllowedDNs, after)
	}
	return nil
}

// noteLost notes the names and extensions that the replaced certificate had and this one does
// not have. A server is checked for the names in its request. libvirt does not look at a
// client's names.
func noteLost(j *change.Job, s *place, cert *x509.Certificate) {
	if s.live.Cert == nil {
		return
	}
	lost := pki.Lost(s.live.Cert, cert)
	before := subject.Names{DNS: s.live.Cert.DNSNames, IPs: s.live.Cert.IPAddresses}
	if names := before.Lacking(cert); s.live.Role == pki.Client && names != "" {
		lost = append(lost, names)
	}
	if len(lost) > 0 {
		j.Note("the new %s certificate lacks %s, which %s had", s.live.Role, strings.Join(lost, ", "), s.live.CertPath)
	}
}

// checkNames compares the names that the CA granted with those in the request.
func checkNames(j *change.Job, s *place, cert *x509.Certificate) error {
	asked := subject.Names{}
	switch {
	case s.waits != nil && pki.KeyMatches(cert, s.waits.Key):
		asked.DNS, asked.IPs = s.waits.CSR.DNSNames, s.waits.CSR.IPAddresses
	case s.live.Cert != nil:
		asked.DNS, asked.IPs = s.live.Cert.DNSNames, s.live.Cert.IPAddresses
	}
	missing := asked.Lacking(cert)
	if s.live.Role == pki.Client || missing == "" {
		return nil
	}
	if countNames(asked, cert) == 0 {
		return fmt.Errorf("it has none of the requested names (%s)", missing)
	}
	j.Note("the CA left out %s", missing)
	return nil
}

// countNames counts the names that were asked for and that a certificate has.
func countNames(asked subject.Names, cert *x509.Certificate) int {
	n := 0
	for _, name := range asked.DNS {
		if slices.Contains(cert.DNSNames, name) {
			n++
		}
	}
	for _, ip := range asked.IPs {
		if slices.ContainsFunc(cert.IPAddresses, ip.Equal) {
			n++
		}
	}
	return n
}

// wasLive reports whether a certificate is one of the previous ones of a layout.
func wasLive(t store.Tree, layout libvirt.Layout, cert *x509.Certificate) bool {
	for _, role := range layout.Roles() {
		certs, err := keypair.ReadCerts(t, keypair.PreviousPath(t, layout, libvirt.CertFile(role)))
		if err == nil && pki.SameKey(certs[0].PublicKey, cert.PublicKey) {
			return true
		}
	}
	return false
}

// liveStillTrusted returns an error if a live pair would lose its CA. That includes the pairs
// that are replaced: a daemon may start between the two steps.
func (in *installer) liveStillTrusted(places []*place) error {
	for _, s := range places {
		for _, ca := range in.dropped {
			if s.live.Cert != nil && s.live.Cert.CheckSignatureFrom(ca) == nil {
				return fmt.Errorf("%s is signed by %s, which would no longer be trusted", s.live.CertPath, subject.Of(ca))
			}
		}
	}
	return nil
}
