package connect

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"virtpki/dn"
	"virtpki/internal/certinfo"
	"virtpki/internal/gnutls"
	"virtpki/internal/inspect"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
)

// distrust holds a client's objections to a server's certificate and to its name, nil for none.
type distrust struct{ certificate, name *Reason }

// release returns the release whose rules count: that of the libvirt or QEMU here, as virsh has
// it, else the rules on which all releases agree.
func release(ctx context.Context, m *machine.Machine, product string) libvirt.Release {
	target, _ := m.InstalledRelease(ctx, product)
	return target
}

// refusal is the first finding that means no.
func refusal(findings []judge.Finding) *judge.Finding {
	if i := slices.IndexFunc(findings, refuses); i >= 0 {
		return &findings[i]
	}
	return nil
}

// refuses reports whether a finding means a refusal. A finding of only some releases does not.
// A key that GnuTLS does not see to be another one's does: the handshake fails.
func refuses(f judge.Finding) bool {
	return f.Level == judge.Error && f.Releases == nil || f.ID == "key-mismatch-unseen"
}

// ownFiles returns the reason for which libvirt refuses the client's own files.
func (c *connection) ownFiles() *Reason {
	if err := c.m.CheckClock(); err != nil {
		return &Reason{Sure: true, Text: err.Error(), Fix: "set the clock: the dates of all certificates depend on it"}
	}
	if c.set.CA.Absent() {
		return &Reason{Sure: true, Text: fmt.Sprintf("the client has no CA: there is no %s", c.files.CA),
			Fix: "copy cacert.pem of the server's CA there, or name another directory with --pkipath"}
	}
	if text := c.uri.Priority.Text; text != "" {
		if err := gnutls.CheckPriority(text, inspect.Priorities(c.m)); err != nil {
			return &Reason{Sure: true, Text: fmt.Sprintf("tls_priority: %v", err), Fix: "fix it in the URI, or in libvirt.conf"}
		}
	}
	findings := judge.OwnFiles(c.set, c.release, c.m.Now())
	switch {
	case c.service != nil:
		findings = c.service.ownFindings(findings)
	case c.uri.NoSanity:
		findings = judge.WithoutSanity(findings)
	}
	if f := refusal(findings); f != nil {
		return &Reason{Sure: true, Text: f.File + ": " + f.Text + c.clockNote(*f), Fix: fixOf(c, *f)}
	}
	return nil
}

// clockNote returns the time here, if a finding is about times.
func (c *connection) clockNote(f judge.Finding) string {
	if strings.HasSuffix(f.ID, "-expired") || strings.HasSuffix(f.ID, "-future") {
		return fmt.Sprintf("; the clock here says %s", termtext.Instant(c.m.Now()))
	}
	return ""
}

// verify checks the served chain, and ends the handshake if a client would hang up after it.
func (c *connection) verify(chain []*x509.Certificate) error {
	served := judge.Set{Role: judge.Server, Product: c.service.product(), CA: c.set.CA, CRL: c.set.CRL,
		Cert: judge.File{Path: "the server's certificate", Data: chainPEM(chain)}, Key: judge.File{Data: []byte("there, and nobody's business")}}
	findings := judge.InSession(served, judge.Peer{Names: []string{c.uri.Host}}, c.release, c.m.Now())
	if c.service != nil {
		findings = visit{c}.inSession(served, findings)
	}
	names := slices.DeleteFunc(slices.Clone(findings), func(f judge.Finding) bool { return f.ID != nameMismatch })
	c.distrust = distrust{c.servedReason(chain[0], refusal(withoutNames(findings))), c.servedReason(chain[0], refusal(names))}
	if c.service != nil && c.service.scheme == "spice" {
		visit{c}.spiceDistrust(chain[0])
	}
	switch {
	case !c.uri.NoVerify && c.distrust != (distrust{}):
		return errors.New("the server is not trusted")
	case c.service != nil && c.service.unfinished:
		return errUnfinished
	}
	return nil
}

const nameMismatch = "name-mismatch"

// servedReason words a finding about the server for who meets it from outside.
func (c *connection) servedReason(leaf *x509.Certificate, f *judge.Finding) *Reason {
	if f == nil {
		return nil
	}
	r := &Reason{Sure: true, Text: f.File + ": " + f.Text + c.clockNote(*f), Fix: "on the server: " + f.Fix}
	switch f.ID {
	case nameMismatch:
		if names := certinfo.Of(leaf, "", leaf.NotAfter).Names(); names != "" {
			r.Text += "; it names " + termtext.Quote(names)
		}
		r.Fix = "connect by a name that is in it; or on the server: " + f.Fix
	case "session-issuer-missing", "signature-wrong":
		r.Text += "; " + c.otherCA(subject.IssuerOf(leaf))
		r.Fix = fmt.Sprintf("use the same CA on both sides: put its cacert.pem into %s", c.files.CA)
	case "cert-expired":
		r.Fix = "on the server: virtpki renew, then " + c.service.refreshing()
	}
	return r
}

// otherCA names the CA that the client trusts in the place of an issuer.
func (c *connection) otherCA(issuer string) string {
	names := namesIn(c.set.CA)
	if slices.Contains(names, issuer) {
		return fmt.Sprintf("%s contains another CA of the same name", c.files.CA)
	}
	return fmt.Sprintf("%s contains %s", c.files.CA, strings.Join(names, "; "))
}

// namesIn lists the DNs of a file's certificates.
func namesIn(file judge.File) []string {
	certs, _ := judge.Certificates(file)
	var names []string
	for _, cert := range certs {
		if name, err := dn.FromRDNSequence(cert.Subject); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// chainPEM is a chain in the form of a file.
func chainPEM(chain []*x509.Certificate) []byte {
	var all []byte
	for _, cert := range chain {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})...)
	}
	return all
}
