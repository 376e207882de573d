package revocation

import (
	"context"
	"crypto/x509"
	"fmt"
	"math/big"
	"slices"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/enroll"
	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/machine"
	"virtpki/internal/reload"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Issuer is a CA that is a service and can revoke. Its String names it.
type Issuer interface {
	// Revoke revokes certificates, and returns the CA certificates and a CRL that names them.
	Revoke(ctx context.Context, serials []*big.Int, reason pki.Reason) (*pki.Answer, error)
	// Issued returns the certificates that want accepts and that are not revoked. listed is
	// false if the CA does not give out its certificates.
	Issued(ctx context.Context, want func(*x509.Certificate) bool) (certs []*x509.Certificate, listed bool, err error)
	// CAs returns its CA certificates.
	CAs(context.Context) ([]*x509.Certificate, error)
	String() string
}

// AtIssuer has an issuer revoke certificates, installs its CRL here, and ends their access on
// this machine as [Run] does. A name means certificates that are installed here or that the
// issuer lists; the CA here has no records of an issuer's certificates.
func AtIssuer(ctx context.Context, m *machine.Machine, r Request, ca Issuer, o change.Options) (*change.Job, error) {
	if err := m.CheckClock(); err != nil {
		return nil, err
	}
	a, err := authority.Open(m)
	if err != nil {
		return nil, err
	}
	f := &atIssuer{&finder{Request: r, m: m, agreed: make(map[string]bool), mayAsk: true}, ca, a, nil}
	out, serials, err := f.meant(ctx)
	if err != nil {
		return nil, err
	}
	daemons, err := r.Reload.Daemons(ctx, m)
	if err != nil {
		return nil, err
	}
	if o.DryRun {
		j := change.NewJob(m)
		for _, c := range out {
			j.Note("would ask %s to revoke %s, and install its CRL", ca, c.label())
		}
		return j, nil
	}
	answer, err := ca.Revoke(ctx, serials, r.Reason)
	if err != nil {
		return nil, err
	}
	j, err := enroll.Install(ctx, m, enroll.Response{
		Answer: answer, To: keypair.Dest{Layout: m.System(), Owner: machine.Owner(), Keep: true}, System: true,
		BelowTrusted: true, Reload: reload.Options{Leave: true},
	}, nil, o)
	if err != nil {
		return nil, fmt.Errorf("%s has revoked the certificates, but its CRL is not installed: %w", ca, err)
	}
	for _, c := range out {
		j.Did("%s has revoked %s", ca, c.label())
	}
	p := &publication{CRL: r.CRL, m: m, daemons: daemons, a: a, out: out}
	return j, p.enforce(ctx, reload.New(m, r.Reload, j), j)
}

// atIssuer finds the certificates that a request means at an issuer.
type atIssuer struct {
	*finder
	ca  Issuer
	a   *authority.Authority // the CAs that are trusted here
	cas []*x509.Certificate  // of the issuer; nil until they are needed
}

// meant returns the certificates that the arguments mean, and their serials.
func (f *atIssuer) meant(ctx context.Context) (out []entry, serials []*big.Int, err error) {
	for _, arg := range f.What {
		found, err := f.one(ctx, arg)
		if err != nil {
			return nil, nil, err
		}
		for _, c := range found {
			if !isAmong(out, c.serial) {
				out, serials = append(out, c), append(serials, c.serial)
			}
		}
	}
	return out, serials, nil
}

// one finds the certificates that one argument means: a file, a name, or a serial. A word of
// hexadecimal digits is a serial, unless a certificate that is installed here carries it as a name.
func (f *atIssuer) one(ctx context.Context, arg string) ([]entry, error) {
	if isFileArg(arg) {
		return f.fromFile(ctx, arg)
	}
	want := f.carrier(arg)
	live, err := f.installed(ctx, arg, want)
	if err != nil {
		return nil, err
	}
	if found, err := unknown(arg); err == nil && len(live) == 0 {
		return found, nil
	}
	live, listed, err := f.listed(ctx, arg, want, live)
	switch {
	case err != nil:
		return nil, err
	case len(live) > 1:
		return live, f.agree(arg, live)
	case len(live) == 1:
		return live, nil
	case !listed:
		return nil, hint.With(fmt.Errorf("no certificate for %s is installed here, and %s does not list its certificates", termtext.QuoteShort(arg), f.ca),
			"give the certificate's file or its serial")
	}
	return nil, fmt.Errorf("neither this machine nor %s has a valid certificate for %s", f.ca, termtext.QuoteShort(arg))
}

// carrier returns a function that reports whether a valid certificate of the trusted CAs carries
// a name.
func (f *atIssuer) carrier(name string) func(*x509.Certificate) bool {
	revokedOn, unread := authority.RevokedOn(f.m)
	if unread != nil {
		f.m.Warn("%v", unread)
	}
	return func(cert *x509.Certificate) bool {
		how, _ := carries(grant.NamesOf(cert), name)
		return (how == asCN || how == asAnother) && !cert.IsCA && revokedOn(cert) == "" && f.isLive(f.a, cert)
	}
}

// entryOf returns the entry of a certificate that carries a name.
func entryOf(cert *x509.Certificate, path, name string) entry {
	c := entry{serial: cert.SerialNumber, cert: cert, path: path}
	if how, _ := carries(grant.NamesOf(cert), name); how == asAnother {
		c.as = name
	}
	return c
}

// installed returns the valid certificates of the issuer that carry a name and are installed here.
// Another CA's certificate may have the serial of one of the issuer's.
func (f *atIssuer) installed(ctx context.Context, name string, want func(*x509.Certificate) bool) (live []entry, err error) {
	all, err := authority.Installed(f.m)
	if err != nil {
		f.m.Warn("%v", err)
	}
	for _, p := range all {
		if !want(p.Cert) || isAmong(live, p.Cert.SerialNumber) {
			continue
		}
		signed, err := f.hasSigned(ctx, p.Cert)
		if err != nil {
			return nil, err
		}
		if signed {
			live = append(live, entryOf(p.Cert, p.Path, name))
		}
	}
	return live, nil
}

// listed adds the valid certificates that carry a name and that the issuer lists.
func (f *atIssuer) listed(ctx context.Context, name string, want func(*x509.Certificate) bool, live []entry) (all []entry, listed bool, err error) {
	issued, listed, err := f.ca.Issued(ctx, want)
	for _, cert := range issued {
		if !isAmong(live, cert.SerialNumber) {
			live = append(live, entryOf(cert, "", name))
		}
	}
	return live, listed, err
}

// hasSigned reports whether the issuer signed a certificate of a CA that is trusted here: it is
// one of its CAs, or below one. A serial tells nothing about another CA's certificate, and a
// service may revoke any serial.
func (f *atIssuer) hasSigned(ctx context.Context, cert *x509.Certificate) (bool, error) {
	if f.cas == nil {
		var err error
		if f.cas, err = f.ca.CAs(ctx); err != nil {
			return false, err
		}
	}
	for range len(f.a.Certificates) + 1 {
		by := func(ca *x509.Certificate) bool { return cert.CheckSignatureFrom(ca) == nil }
		if slices.ContainsFunc(f.cas, by) {
			return true, nil
		}
		i := slices.IndexFunc(f.a.Certificates, by)
		if i < 0 {
			break
		}
		cert = f.a.Certificates[i]
	}
	return false, nil
}

// fromFile returns the certificate in a file.
func (f *atIssuer) fromFile(ctx context.Context, path string) ([]entry, error) {
	certs, err := keypair.ReadCerts(f.a.Tree, path)
	if err != nil {
		return nil, err
	}
	cert := certs[0]
	switch {
	case cert.IsCA:
		return nil, fmt.Errorf("%s: %s is a CA, which this command does not revoke", path, subject.Of(cert))
	case !f.a.HasSigned(cert):
		return nil, fmt.Errorf("%s: %s is not signed by a CA that is trusted here", path, subject.Of(cert))
	}
	switch signed, err := f.hasSigned(ctx, cert); {
	case err != nil:
		return nil, err
	case !signed:
		return nil, fmt.Errorf("%s: %s is signed by %s, which is not a CA of %s", path, subject.Of(cert), subject.IssuerOf(cert), f.ca)
	}
	return []entry{{serial: cert.SerialNumber, cert: cert, path: path}}, nil
}
