package main

import (
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// installation is a certificate that is installed here, and what renew thinks of
// it.
type installation struct {
	layout  libvirt.Layout
	system  bool // the daemon's tree, not a user's
	role    pki.Role
	pair    *keypair.Pair
	opens   time.Time // when it becomes due by its age
	reasons []string  // why it is due; none when it is not
	missing []net.IP  // addresses of this machine that it lacks
	err     error
	// original is the installation of which it is a copy, or was one before that was
	// renewed; nil for one that stands for itself.
	original *installation
	renewed  *keypair.Pair // what it will be
	// sealed is a key of QEMU's with a passphrase: a renewal does not know it, and must
	// not put a key without one in its place.
	sealed bool
}

func (in *installation) why() string { return strings.Join(in.reasons, "; ") }

// dueCRL is what renew thinks of the CRL.
type dueCRL struct {
	opens  time.Time
	reason string
}

// look finds what is installed, and decides what of it is due. It returns the CA, whose
// files are read once for each decision.
func (r *renewal) look() (*authority.Authority, error) {
	r.found, r.left, r.crl, r.serving = nil, nil, dueCRL{}, false
	a, err := authority.Open(r.g.Machine)
	if err != nil {
		return nil, err
	}
	r.caEnd = a.CA.Certificate.NotAfter
	r.caDue = a.Rollover == nil && !r.here.Now().Before(pki.Window{}.CertificateOpens(a.CA.Certificate))
	for _, layout := range r.layouts() {
		for _, role := range []pki.Role{pki.Server, pki.Client} {
			in := &installation{layout: layout, system: layout.Base == r.g.System().Base, role: role, pair: keypair.New(r.g.Tree(), layout, role)}
			in.err = in.readOwn(r.g.Machine)
			if in.pair.Cert == nil && in.err == nil || in.othersQEMU(r.g.Machine, a) || r.passOver(in) {
				continue
			}
			in.sealed = in.err == nil && in.qemu(r.g.Machine) && change.KeyState(r.g.Tree(), in.pair.KeyPath) == "encrypted"
			if in.original = r.originalOf(in); in.original != nil {
				in.judgeCopy(r)
			} else if in.err == nil {
				in.judge(r, a)
				r.hold(a, in)
			}
			r.found = append(r.found, in)
		}
	}
	return a, r.lookAtCRL(a)
}

// layouts are where renew looks: with a CA for QEMU alone, at QEMU's folders alone.
func (r *renewal) layouts() []libvirt.Layout {
	all := r.g.AllLayouts()
	if r.with.CA == "" {
		return all
	}
	return slices.DeleteFunc(all, func(layout libvirt.Layout) bool {
		return slices.ContainsFunc(r.g.Layouts(), func(other libvirt.Layout) bool { return other.Base == layout.Base })
	})
}

// othersQEMU reports whether it is a file of QEMU's that another CA has signed:
// it is that one's to renew.
func (in *installation) othersQEMU(m *machine.Machine, a *authority.Authority) bool {
	return in.qemu(m) && in.pair.Cert != nil && !a.HasSigned(in.pair.Cert)
}

// qemu reports whether it is one of QEMU's files.
func (in *installation) qemu(m *machine.Machine) bool {
	return !slices.ContainsFunc(m.Layouts(), func(layout libvirt.Layout) bool { return layout.Base == in.layout.Base })
}

// originalOf finds the system's pair of which one of QEMU's is a copy: of what is
// there, or, where a run was cut short between the two, of what was there before. Of
// a pair that cannot be read it may be a copy: it waits for that one.
func (r *renewal) originalOf(in *installation) *installation {
	if in.err != nil || !in.qemu(r.g.Machine) {
		return nil
	}
	for _, other := range r.found {
		if !other.system || other.role != in.role {
			continue
		}
		if other.err != nil || in.pair.Cert.Equal(other.pair.Cert) {
			return other
		}
		before, err := keypair.ReadCertsIfThere(r.g.Tree(), keypair.PreviousPath(r.g.Tree(), other.layout, libvirt.CertFile(string(in.role))))
		if err != nil {
			in.err = err
			return nil
		}
		if len(before) > 0 && in.pair.Cert.Equal(before[0]) {
			return other
		}
	}
	return nil
}

// judgeCopy decides about a copy: it is due when its original is, and when it has
// stayed behind.
func (in *installation) judgeCopy(r *renewal) {
	original := in.original
	in.opens = original.opens
	switch {
	case original.err != nil:
	case len(original.reasons) > 0:
		in.reasons = []string{"a copy of " + original.pair.CertPath}
	case !in.pair.Cert.Equal(original.pair.Cert):
		in.reasons = []string{"a copy of what " + original.pair.CertPath + " was before"}
	case in.sealed:
	case in.pair.ReadKey() != nil || in.pair.Key == nil || in.pair.Mismatch() != nil:
		in.reasons = []string{"a copy of " + original.pair.CertPath + " without its key"}
	}
}

// judge decides whether one certificate is due, and why.
func (in *installation) judge(r *renewal, a *authority.Authority) {
	cert := in.pair.Cert
	in.opens = r.window.CertificateOpens(cert)
	say := func(format string, args ...any) { in.reasons = append(in.reasons, fmt.Sprintf(format, args...)) }
	switch now := r.here.Now(); {
	case r.force:
		say("due: asked for")
	case !now.Before(cert.NotAfter):
		say("expired on %s", termtext.Day(cert.NotAfter))
	case !now.Before(in.opens):
		say("due: until %s", termtext.Day(cert.NotAfter))
	}
	if !in.sealed {
		in.judgeKey(say)
	}
	switch {
	case !a.HasSigned(cert):
		say("not signed by the CA here")
	case a.Rollover != nil && !r.here.Now().Before(a.Rollover.Switch) && cert.CheckSignatureFrom(a.CA.Certificate) != nil:
		say("signed by the CA that is on its way out")
	}
	if in.missing = r.missingAddresses(a, in); len(in.missing) > 0 {
		say("lacks %s, which this machine has now", termtext.Join(in.missing))
	}
}

// judgeKey decides whether the key is one for the certificate.
func (in *installation) judgeKey(say func(format string, args ...any)) {
	switch err := in.pair.ReadKey(); {
	case err != nil:
		say("its key cannot be used: %v", err)
	case in.pair.Key == nil:
		say("its key is missing")
	case in.pair.Mismatch() != nil:
		say("its key is another's")
	}
}

// names are those of the next certificate. One of a server without any SAN is taken
// by its CN (RFC 6125 section 6.4.4), which does not count any more beside the
// addresses that are added here: then the CN becomes a name among the others.
func (in *installation) names() []string {
	cert := in.pair.Cert
	if in.role != pki.Server || len(in.missing) == 0 || len(cert.DNSNames)+len(cert.IPAddresses)+len(cert.URIs) > 0 ||
		subject.CheckDNS("CN", cert.Subject.CommonName) != nil {
		return cert.DNSNames
	}
	return []string{cert.Subject.CommonName}
}

// missingAddresses are those of this machine that its server certificate lacks
// and that the CA may sign for.
func (r *renewal) missingAddresses(a *authority.Authority, in *installation) []net.IP {
	if in.role != pki.Server || !in.system || !r.g.Live() {
		return nil
	}
	ips, err := r.g.Addresses()
	if err != nil {
		return nil
	}
	permit := pki.PermitOf(a.CA.Certificate)
	leftOut := r.leftOut(in)
	return slices.DeleteFunc(ips, func(ip net.IP) bool {
		return slices.ContainsFunc(in.pair.Cert.IPAddresses, ip.Equal) || slices.ContainsFunc(leftOut, ip.Equal) || !permit.PermitsIP(ip)
	})
}

// leftOut are the addresses that a CA elsewhere was asked for and has left out of
// the live certificate: to ask again would bring the same answer.
func (r *renewal) leftOut(in *installation) []net.IP {
	if !r.keyAbsent() {
		return nil
	}
	asked, err := keypair.Requests(r.g.Tree(), in.layout)
	if csr := keypair.RequestFor(asked, in.pair.Cert.PublicKey); err == nil && csr != nil {
		return csr.IPAddresses
	}
	return nil
}

// strictUsage reports whether a certificate has the shape of --for libvirt-11.6.
func strictUsage(cert *x509.Certificate) bool {
	_, isRSA := cert.PublicKey.(*rsa.PublicKey)
	return !isRSA && cert.KeyUsage == x509.KeyUsageDigitalSignature
}

// lookAtCRL decides whether the CRL is due. Without the CA's key on this machine
// it is not ours to make, but with --via to ask for.
func (r *renewal) lookAtCRL(a *authority.Authority) error {
	if r.keyAbsent() {
		r.lookAtOthersCRL(a)
		return nil
	}
	if a.CRL == nil {
		r.crl.reason = "missing"
		return nil
	}
	if err := a.LoadCRL(); err != nil {
		return err
	}
	r.crl.opens = pki.Window{}.CRLOpens(a.Current) // --before is for certificates
	if !r.crl.opens.IsZero() && !r.here.Now().Before(r.crl.opens) {
		r.crl.reason = "due: fresh until " + termtext.Day(a.Current.NextUpdate)
	}
	return nil
}

// lookAtOthersCRL decides whether the copy of a CRL is due: of any CA here.
func (r *renewal) lookAtOthersCRL(a *authority.Authority) {
	if r.via == "" {
		return
	}
	crls, err := pki.ParseCRLs(a.CRL)
	if err != nil {
		r.crl.reason = "missing, or not readable"
		return
	}
	for _, ca := range a.Certificates {
		crl := keypair.NewestCRL(crls, ca)
		if crl == nil {
			continue
		}
		opens := pki.Window{}.CRLOpens(crl)
		if !opens.IsZero() && !r.here.Now().Before(opens) {
			r.crl.reason = "due: fresh until " + termtext.Day(crl.NextUpdate)
		}
	}
}

func (r *renewal) anythingDue() bool {
	return r.crl.reason != "" || r.withLacking() || slices.ContainsFunc(r.found, func(in *installation) bool { return in.err != nil || len(in.reasons) > 0 })
}

// dueInfo is one row of what renew tells without doing anything.
type dueInfo struct {
	Path     string    `json:"path"`
	DN       string    `json:"dn,omitempty"`
	NotAfter time.Time `json:"not_after"`
	DueFrom  time.Time `json:"due_from"`
	Reasons  []string  `json:"reasons"`
}

func (r *renewal) infos() []dueInfo {
	infos := []dueInfo{}
	for _, in := range r.found {
		if in.pair.Cert == nil {
			continue
		}
		infos = append(infos, dueInfo{in.pair.CertPath, subject.Of(in.pair.Cert), in.pair.Cert.NotAfter, in.opens, append([]string{}, in.reasons...)})
	}
	return infos
}

// tellNothing says when the next one is due.
func (r *renewal) tellNothing() error {
	infos := r.infos()
	switch {
	case r.g.json:
		return r.printJSON(map[string]any{"due": false, "installed": infos})
	case r.g.quiet:
		return nil
	case len(infos) == 0:
		termtext.Fprintf(r.stdout, "nothing is installed here\n")
		return nil
	}
	next := slices.MinFunc(infos, func(a, b dueInfo) int { return a.DueFrom.Compare(b.DueFrom) })
	termtext.Fprintf(r.stdout, "nothing is due; the first is %s from %s\n", next.Path, termtext.Day(next.DueFrom))
	return nil
}

// tellDue says what is due on a machine without the CA's key, and changes nothing.
func (r *renewal) tellDue() error {
	if r.g.json {
		if err := r.printJSON(map[string]any{"due": true, "installed": r.infos()}); err != nil {
			return err
		}
		return hint.First(r.failures(), hint.ErrRefused)
	}
	for _, in := range r.found {
		if len(in.reasons) > 0 {
			termtext.Fprintf(r.stdout, "%s: %s\n", in.pair.CertPath, in.why())
		}
	}
	if r.via != "" {
		r.warn("would ask the CA with %q", r.via)
		return r.failures()
	}
	r.warn("the CA's key is not on this machine: requests would be left in %s; --via has them signed", r.g.System().Path(libvirt.Requests))
	return hint.First(r.failures(), hint.ErrRefused)
}
