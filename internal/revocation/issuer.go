package revocation

import (
	"context"
	"fmt"
	"math/big"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/enroll"
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
	String() string
}

// AtIssuer has an issuer revoke certificates, installs its CRL here, and ends their access on
// this machine as [Run] does. The certificates are given by serial or file, because only the
// issuer has the records.
func AtIssuer(ctx context.Context, m *machine.Machine, r Request, ca Issuer, o change.Options) (*change.Job, error) {
	if err := m.CheckClock(); err != nil {
		return nil, err
	}
	a, err := authority.Open(m)
	if err != nil {
		return nil, err
	}
	out, serials, err := meantByForm(a, r.What)
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

// meantByForm finds the certificates for arguments that are serials or files.
func meantByForm(a *authority.Authority, what []string) (out []entry, serials []*big.Int, err error) {
	for _, arg := range what {
		found, err := byForm(a, arg)
		if err != nil {
			return nil, nil, err
		}
		if !isAmong(out, found.serial) {
			out, serials = append(out, found), append(serials, found.serial)
		}
	}
	return out, serials, nil
}

func byForm(a *authority.Authority, arg string) (entry, error) {
	if !isFileArg(arg) {
		found, err := unknown(arg)
		if err != nil {
			return entry{}, hint.With(fmt.Errorf("%s is not a serial in hexadecimal, nor the path of a file", termtext.QuoteShort(arg)),
				"give the certificate's file or its serial: the issuer has the names")
		}
		return found[0], nil
	}
	certs, err := keypair.ReadCerts(a.Tree, arg)
	if err != nil {
		return entry{}, err
	}
	cert := certs[0]
	switch {
	case cert.IsCA:
		return entry{}, fmt.Errorf("%s: %s is a CA: it is not revoked by this", arg, subject.Of(cert))
	case !a.HasSigned(cert):
		return entry{}, fmt.Errorf("%s: %s is not signed by a CA that is trusted here", arg, subject.Of(cert))
	}
	return entry{serial: cert.SerialNumber, cert: cert, path: arg}, nil
}
