package revocation

import (
	"context"
	"crypto/x509"
	"fmt"
	"math/big"

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
	f := &finder{Request: r, m: m, agreed: make(map[string]bool), mayAsk: true}
	out, serials, err := f.meantAt(ctx, a, ca)
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

// meantAt finds the certificates that the arguments mean at an issuer.
func (f *finder) meantAt(ctx context.Context, a *authority.Authority, ca Issuer) (out []entry, serials []*big.Int, err error) {
	for _, arg := range f.What {
		found, err := f.oneAt(ctx, a, ca, arg)
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

// oneAt finds the certificates that one argument means: a file, a serial, or a name.
func (f *finder) oneAt(ctx context.Context, a *authority.Authority, ca Issuer, arg string) ([]entry, error) {
	if isFileArg(arg) {
		return fromFile(a, arg)
	}
	if found, err := unknown(arg); err == nil {
		return found, nil
	}
	live, listed, err := f.namedAt(ctx, a, ca, arg)
	switch {
	case err != nil:
		return nil, err
	case len(live) > 1:
		return live, f.agree(arg, live)
	case len(live) == 1:
		return live, nil
	case !listed:
		return nil, hint.With(fmt.Errorf("no certificate for %s is installed here, and %s does not list its certificates", termtext.QuoteShort(arg), ca),
			"give the certificate's file or its serial")
	}
	return nil, fmt.Errorf("neither this machine nor %s has a valid certificate for %s", ca, termtext.QuoteShort(arg))
}

// namedAt returns the valid certificates that carry a name: those of the trusted CAs that are
// installed here, and those that the issuer lists.
func (f *finder) namedAt(ctx context.Context, a *authority.Authority, ca Issuer, name string) (live []entry, listed bool, err error) {
	revokedOn, unread := authority.RevokedOn(f.m)
	want := func(cert *x509.Certificate) bool {
		how, _ := carries(grant.NamesOf(cert), name)
		return (how == asCN || how == asAnother) && !cert.IsCA && revokedOn(cert) == "" && f.isLive(a, cert)
	}
	installed, err := authority.Installed(f.m)
	if err = hint.First(unread, err); err != nil {
		f.m.Warn("%v", err)
	}
	for _, p := range installed {
		if want(p.Cert) && !isAmong(live, p.Cert.SerialNumber) {
			live = append(live, entry{serial: p.Cert.SerialNumber, cert: p.Cert, path: p.Path})
		}
	}
	issued, listed, err := ca.Issued(ctx, want)
	for _, cert := range issued {
		if !isAmong(live, cert.SerialNumber) {
			live = append(live, entry{serial: cert.SerialNumber, cert: cert})
		}
	}
	return live, listed, err
}

// fromFile returns the certificate in a file.
func fromFile(a *authority.Authority, path string) ([]entry, error) {
	certs, err := keypair.ReadCerts(a.Tree, path)
	if err != nil {
		return nil, err
	}
	cert := certs[0]
	switch {
	case cert.IsCA:
		return nil, fmt.Errorf("%s: %s is a CA: it is not revoked by this", path, subject.Of(cert))
	case !a.HasSigned(cert):
		return nil, fmt.Errorf("%s: %s is not signed by a CA that is trusted here", path, subject.Of(cert))
	}
	return []entry{{serial: cert.SerialNumber, cert: cert, path: path}}, nil
}
