package renewal

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"time"

	"virtpki/internal/hint"
	"virtpki/internal/inventory"
	"virtpki/internal/keypair"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// ownPair is a certificate that a program reads from a path of its own. Somebody else put
// it there, and renews it.
type ownPair struct {
	inventory.OwnPair
	path string            // of the certificate, as this process sees it
	cert *x509.Certificate // nil where it cannot be read
	ends time.Time         // the earliest end on its chain
	err  error

	opens time.Time // when it becomes due
	why   string    // why it is due; empty where it is not
	whose string    // the CA that has signed it, where that is another's; empty where the path is the reason
}

// expired reports whether a certificate of QEMU's that another CA has signed has come to
// its end. Until then its own run, that with --qemu-ca, may still renew it.
func expired(c *candidate, now time.Time) bool {
	return c.pair.Cert != nil && !now.Before(c.pair.Cert.NotAfter)
}

// lookAtOwn looks at the pairs that daemons and QEMU read from paths of their own. With a
// CA for QEMU alone they are the other run's.
func (r *renewal) lookAtOwn() {
	r.own = nil
	if r.QEMU.CA != "" {
		return
	}
	for _, c := range r.others {
		if expired(c, r.m.Now()) {
			r.own = append(r.own, othersPair(c))
		}
	}
	for _, p := range r.list.OwnPairs() {
		own := &ownPair{OwnPair: p, path: r.m.Path(p.Cert)}
		certs, err := keypair.ReadCerts(r.m.Tree(), own.path)
		if own.err = err; err == nil {
			cas, _ := keypair.ReadCerts(r.m.Tree(), r.m.Path(p.CA)) // without it the chain is not known
			own.cert, own.ends = certs[0], pki.Ends(certs[0], append(certs[1:], cas...))
			own.opens = r.Window.Opens(pki.Life(own.cert), own.ends)
		}
		if own.why = own.whyDue(r.m.Now()); own.why == "" && own.cert != nil && own.Role == string(pki.Server) {
			own.why = whyNames(facts{lacking: r.Names.lacking(own.cert), unwanted: r.Names.kept(own.cert)})
		}
		r.own = append(r.own, own)
	}
}

// othersPair is an expired certificate of QEMU's that another CA has signed.
func othersPair(c *candidate) *ownPair {
	cert := c.pair.Cert
	p := &ownPair{path: c.pair.CertPath, cert: cert, ends: cert.NotAfter, opens: cert.NotAfter}
	p.Reader, p.Role, p.Used = "QEMU", string(c.role), true
	p.why, p.whose = "expired on "+termtext.Day(cert.NotAfter), subject.IssuerOf(cert)
	return p
}

// whyDue returns why it needs a successor; empty where it needs none.
func (p *ownPair) whyDue(now time.Time) string {
	of := ""
	if p.cert != nil && p.ends.Before(p.cert.NotAfter) {
		of = "its CA "
	}
	switch {
	case p.err != nil && !p.Used:
		return "" // nobody misses it
	case errors.Is(p.err, fs.ErrNotExist):
		return "it does not exist"
	case p.err != nil:
		return p.err.Error()
	case !now.Before(p.ends):
		return of + "expired on " + termtext.Day(p.ends)
	case now.Before(p.opens):
		return ""
	case of != "":
		return "due: its CA ends on " + termtext.Day(p.ends)
	}
	return "due: until " + termtext.Day(p.ends)
}

// text says what is due, and who reads it.
func (p *ownPair) text() string {
	if p.whose != "" {
		return termtext.Sprintf("%s: %s; %s signed it, which is not the CA here: see renew --qemu-ca", p.path, p.why, p.whose)
	}
	return termtext.Sprintf("%s: %s; %s reads it there, and virtpki renews the default paths alone", p.path, p.why, p.Reader)
}

// ownDue notes the pairs that are due and that renew does not renew. Where a program needs
// one today, that is the error of a run which has left something to do.
func (r *renewal) ownDue() error {
	for _, p := range r.own {
		if p.cert != nil {
			r.report.Installed = append(r.report.Installed, p.installed())
		}
		switch {
		case p.why == "":
		case p.Used:
			r.report.Own = append(r.report.Own, p.text())
		default:
			r.report.Unused = append(r.report.Unused, p.text())
		}
	}
	if len(r.report.Own) > 0 {
		return hint.ErrRefused
	}
	return nil
}

// installed tells of it as of the others.
func (p *ownPair) installed() Installed {
	i := Installed{Path: p.path, DN: subject.Of(p.cert), NotAfter: p.cert.NotAfter, Ends: p.ends, DueFrom: p.opens, Reasons: []string{}}
	if p.why != "" {
		i.Reasons = append(i.Reasons, p.why)
	}
	return i
}
