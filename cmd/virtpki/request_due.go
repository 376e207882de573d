package main

import (
	"crypto/x509"
	"errors"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/enroll"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
)

// dueOptions are the flags of request that leave out what needs no certificate.
type dueOptions struct {
	ifDue  bool
	before string
	issuer string // fingerprint of the CA that is to have signed; empty is any
}

func (o *dueOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&o.ifDue, "if-due", false, "ask for nothing that is here, is not due (see renew), and has the name, the names and the type of key that are asked for")
	flags.StringVar(&o.before, "before", "33%", "with --if-due: how long before its end something is due, a `duration` or a share of its life")
	flags.StringVar(&o.issuer, "issuer", "", "with --if-due: due is also what another CA than that with this SHA-256 `fingerprint` has signed")
	cmd.MarkFlagsMutuallyExclusive("new", "if-due")
}

// checkDue turns the flags into the renewal that judges what is here; nil where all
// is to be asked for.
func (e *env) checkDue(g *globals, o *dueOptions) (*renewal, error) {
	if !o.ifDue && (o.issuer != "" || o.before != "33%") {
		return nil, errors.New("--before and --issuer go with --if-due")
	}
	if !o.ifDue {
		return nil, nil
	}
	if o.issuer != "" {
		if _, err := enroll.ParseFingerprints([]string{o.issuer}); err != nil {
			return nil, err
		}
	}
	plan, err := (&renewOptions{before: o.before}).check()
	return &renewal{env: e, g: g, renewPlan: plan, keys: e.newKeyring(g)}, err
}

// whyDue says why a certificate that is here is due, as renew has it.
func (o *dueOptions) whyDue(r *renewal, layout libvirt.Layout, live *keypair.Pair) ([]string, error) {
	a, err := authority.Open(r.g.Machine)
	if err != nil {
		return nil, err
	}
	in := &installation{layout: layout, system: layout.Base == r.g.System().Base, role: live.Role, pair: live}
	in.judge(r, a)
	if !o.issued(live.Cert, a) {
		in.reasons = append(in.reasons, "not signed by the CA that signs now")
	}
	return in.reasons, nil
}

// issued reports whether the CA that is to have signed a certificate has.
func (o *dueOptions) issued(cert *x509.Certificate, a *authority.Authority) bool {
	if o.issuer == "" {
		return true
	}
	want, err := enroll.ParseFingerprints([]string{o.issuer})
	for _, ca := range a.Certificates {
		if err == nil && want[libvirt.Fingerprint(ca)] {
			return cert.CheckSignatureFrom(ca) == nil
		}
	}
	return false
}
