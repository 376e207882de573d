package renewal

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/hint"
	"virtpki/internal/inventory"
	"virtpki/internal/keypair"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// ownPair is a certificate that a program reads from a path of its own, and that renew does not
// renew. Somebody else put it there, and renews it.
type ownPair struct {
	inventory.OwnPair
	path string            // of the certificate, as this process sees it
	cert *x509.Certificate // nil if it cannot be read
	ends time.Time         // the earliest end on its chain
	err  error             // of the certificate
	// cas are those that the program trusts.
	cas    []*x509.Certificate
	casErr error

	opens time.Time // when it becomes due
	why   string    // why it is due; empty if it is not
	not   string    // why renew does not renew it
	hint  string    // the way to renew it; empty if not known
}

// expired reports whether a certificate of QEMU's that another CA has signed has expired. Until
// then that CA's own run, with --qemu-ca, may still renew it.
func expired(c *candidate, now time.Time) bool {
	return c.pair.Cert != nil && !now.Before(c.pair.Cert.NotAfter)
}

// ownPaths is a run that looks at the pairs that daemons and QEMU read from paths of their own.
type ownPaths struct{ *renewal }

// look makes candidates of the pairs that this run can renew; the others are reported when they
// are due. A run for QEMU's own CA leaves those of daemons to the other run. a is nil if there
// is no CA.
func (r ownPaths) look(a *authority.Authority) error {
	r.own = nil
	pairs, err := r.list.OwnPairs()
	if r.QEMU.CA != "" {
		pairs = slices.DeleteFunc(pairs, func(p inventory.OwnPair) bool { return !p.QEMU })
	}
	for _, p := range pairs {
		own := r.read(p)
		for _, failed := range []error{own.err, own.casErr} {
			if err == nil && machine.Unread(failed) {
				err = failed // it may be due, and ours
			}
		}
		if own.not = r.whyNot(a, own); own.not == "" {
			r.take(a, own)
		} else if r.QEMU.CA == "" {
			r.own = append(r.own, own)
		}
	}
	for _, c := range r.others {
		if r.QEMU.CA == "" && expired(c, r.m.Now()) {
			r.own = append(r.own, othersPair(c))
		}
	}
	return err
}

// take makes a pair a candidate.
func (r ownPaths) take(a *authority.Authority, p *ownPair) {
	role := pki.Role(p.Role)
	c := &candidate{layout: p.Layout, place: ofDaemon, own: true, role: role, pair: keypair.New(r.m.Tree(), p.Layout, role)}
	if p.QEMU {
		c.place = ofQEMU
	}
	files := r.m.Tree().OwnFiles(p.Layout.PairFolder())
	defer files.Close()
	c.err = c.readOwn(files)
	if r.consider(a, c) {
		r.found = append(r.found, c)
	}
}

// read reads the certificate of a pair.
func (r ownPaths) read(p inventory.OwnPair) *ownPair {
	own := &ownPair{OwnPair: p, path: r.m.Path(p.Cert)}
	certs, err := keypair.ReadCerts(r.m.Tree(), own.path)
	own.cas, own.casErr = keypair.ReadCertsIfThere(r.m.Tree(), r.m.Path(p.CA))
	if own.err = err; err == nil {
		own.cert, own.ends = certs[0], pki.Ends(certs[0], append(certs[1:], own.cas...))
		own.opens = r.Window.Opens(pki.Life(own.cert), own.ends)
	}
	if own.why = own.whyDue(r.m.Now()); own.why == "" && own.cert != nil && own.Role == string(pki.Server) {
		own.why = whyNames(facts{lacking: r.Names.lacking(own.cert), unwanted: r.Names.kept(own.cert)})
	}
	return own
}

// whyNot returns why this run cannot renew a pair; empty if it can.
func (r ownPaths) whyNot(a *authority.Authority, p *ownPair) string {
	files := r.m.Tree().OwnFiles(filepath.Dir(p.path))
	defer files.Close()
	_, unsafe := files.Read(filepath.Base(p.path), store.MaxPEM)
	var refusal *store.Refusal
	switch {
	case p.cert == nil || a == nil:
		return "there is no certificate to renew"
	case !a.HasSigned(p.cert):
		return subject.IssuerOf(p.cert) + " signed it, and not the CA here"
	case keyAbsent(r.m) && !r.asks():
		return "the CA's key is not on this machine: --via or --issuer asks the CA"
	case p.casErr != nil:
		return p.casErr.Error()
	case errors.As(unsafe, &refusal):
		return refusal.Error()
	case !r.trusts(a, p.cas):
		return fmt.Sprintf("%s does not trust the CA that signs here", r.m.Path(p.CA))
	}
	return ""
}

// trusts reports whether the CA that signs is among those that a program trusts. For a CA
// elsewhere, one that is trusted here is enough: the response tells which one signs.
func (r ownPaths) trusts(a *authority.Authority, cas []*x509.Certificate) bool {
	if keyAbsent(r.m) {
		return keypair.ContainsAny(cas, a.Certificates)
	}
	return keypair.Contains(cas, a.CA.Certificate)
}

// othersPair describes an expired certificate of QEMU's that another CA has signed.
func othersPair(c *candidate) *ownPair {
	cert := c.pair.Cert
	p := &ownPair{path: c.pair.CertPath, cert: cert, ends: cert.NotAfter, opens: cert.NotAfter}
	p.Reader, p.Role, p.Used = "QEMU", string(c.role), true
	p.why, p.not, p.hint = "expired on "+termtext.Day(cert.NotAfter), subject.IssuerOf(cert)+" signed it, and not the CA here", ": see renew --qemu-ca"
	return p
}

// whyDue returns why it has to be renewed; empty if it does not.
func (p *ownPair) whyDue(now time.Time) string {
	of := ""
	if p.cert != nil && p.ends.Before(p.cert.NotAfter) {
		of = "its CA "
	}
	switch {
	case p.err != nil && !p.Used:
		return "" // nobody needs it
	case errors.Is(p.err, fs.ErrNotExist):
		return "it does not exist"
	case p.err != nil:
		return p.err.Error()
	case !now.Before(p.ends):
		return of + "expired on " + termtext.Day(p.ends)
	case now.Before(p.opens):
		return ""
	case of != "":
		return "due: its CA expires on " + termtext.Day(p.ends)
	}
	return "due: until " + termtext.Day(p.ends)
}

// text says which certificate is due, who reads it, and why it is not renewed.
func (p *ownPair) text() string {
	if p.cert == nil {
		return termtext.Sprintf("%s: %s; %s reads it there", p.path, p.why, p.Reader)
	}
	return termtext.Sprintf("%s: %s; %s reads it there, but virtpki does not renew it: %s%s", p.path, p.why, p.Reader, p.not, p.hint)
}

// ownDue notes the due pairs that renew does not renew. If a program needs one today, the run
// ends with the error for unfinished work.
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
