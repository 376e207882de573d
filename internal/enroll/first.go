package enroll

import (
	"context"
	"io/fs"

	"virtpki/internal/change"
	"virtpki/internal/inventory"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/provision"
	"virtpki/internal/reload"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// Issuer is a CA that can be asked. Its String names it.
type Issuer interface {
	// Ask returns the response to requests. Without requests it returns the CAs and the CRL.
	Ask(context.Context, []*pki.CSR) (*pki.Answer, error)
	String() string
}

// First says how a host gets its first certificates from a CA that is a service.
type First struct {
	Host          provision.HostRequest
	Issuer        Issuer
	TrustNew      Fingerprints // of the CAs that it may trust; none trusts those of the response on sight
	ClientKeyMode fs.FileMode
}

// Enroll requests the certificates that a host does not have, and installs them. Their keys
// wait until the response comes: the next run resumes an interrupted one. The job is nil if no
// certificate is missing. No daemon is made to reload.
func (f First) Enroll(ctx context.Context, m *machine.Machine, keys *change.Keyring, o change.Options) (*change.Job, error) {
	if err := m.WaitClock(ctx, m.Floor(), f.Host.WaitClock); err != nil {
		return nil, err
	}
	h, err := provision.Look(m, inventory.Of(ctx, m), f.Host)
	if err != nil {
		return nil, err
	}
	to := keypair.Dest{Layout: m.System().WithMode(libvirt.ClientKey, f.ClientKeyMode), Owner: machine.Owner(), Keep: true}
	lacking, err := withoutCertificate(m, to.Layout, h.Server, h.Client)
	if err != nil || len(lacking) == 0 {
		return nil, err
	}
	asking := Request{Asker: Asker{Machine: m, Keys: keys, To: to, KeyType: f.Host.Leaf.KeyType}, Identities: lacking}
	j, csrs, err := Ask(ctx, asking, o)
	if err != nil {
		return nil, err
	}
	if o.DryRun {
		j.Note("would ask the CA %s for %d certificates, install them, and configure the daemon", f.Issuer, len(csrs))
		return j, nil
	}
	answer, err := f.Issuer.Ask(ctx, csrs)
	if err != nil {
		return nil, err
	}
	return Install(ctx, m, Response{
		Answer: answer, To: to, System: true, TrustNew: f.TrustNew, BelowTrusted: true, Reload: reload.Options{Leave: true},
	}, keys, o)
}

// withoutCertificate returns the identities that do not have a certificate.
func withoutCertificate(m *machine.Machine, layout libvirt.Layout, ids ...subject.Identity) (lacking []subject.Identity, err error) {
	for _, id := range ids {
		live := keypair.New(m.Tree(), layout, id.Role)
		if err := live.ReadCert(); err != nil {
			return nil, err
		}
		if live.Cert == nil {
			lacking = append(lacking, id)
		}
	}
	return lacking, nil
}
