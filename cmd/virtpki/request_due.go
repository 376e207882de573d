package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/certinfo"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/subject"
	"virtpki/pki"
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
		if _, err := parseFingerprints([]string{o.issuer}); err != nil {
			return nil, err
		}
	}
	plan, err := (&renewOptions{before: o.before}).check()
	return &renewal{env: e, g: g, renewPlan: plan, keys: e.newKeyring(g)}, err
}

// whyDue says why a certificate is to be asked for; nothing where none is.
func (r *requests) whyDue(live *keypair.Pair, id subject.Identity) ([]string, error) {
	if r.due == nil {
		return []string{"asked for"}, nil
	}
	if err := live.ReadCert(); err != nil {
		return nil, err
	}
	if live.Cert == nil {
		return []string{"there is none yet"}, nil
	}
	a, err := authority.Open(r.due.g.Machine)
	if errors.Is(err, authority.ErrNone) {
		return []string{"no CA is trusted here"}, nil
	}
	if err != nil {
		return nil, err
	}
	in := &installation{layout: r.to.Layout, system: r.to.Layout.Base == r.due.g.System().Base, role: id.Role, pair: live}
	in.judge(r.due, a)
	if !r.o.issued(live.Cert, a) {
		in.reasons = append(in.reasons, "not signed by the CA that signs now")
	}
	return append(in.reasons, r.unlike(live.Cert, id)...), nil
}

// issued reports whether the CA that is to have signed a certificate has.
func (o *dueOptions) issued(cert *x509.Certificate, a *authority.Authority) bool {
	if o.issuer == "" {
		return true
	}
	want, err := parseFingerprints([]string{o.issuer})
	for _, ca := range a.Certificates {
		if err == nil && want[libvirt.Fingerprint(ca)] {
			return cert.CheckSignatureFrom(ca) == nil
		}
	}
	return false
}

// unlike says in what a certificate is not what would be asked for. A name that it
// has besides is no reason, and neither is the organisation, which is the CA's.
func (r *requests) unlike(cert *x509.Certificate, id subject.Identity) (reasons []string) {
	switch {
	case id.RawSubject != nil && !bytes.Equal(id.RawSubject, cert.RawSubject):
		reasons = append(reasons, "it is called "+subject.Of(cert))
	case id.RawSubject == nil && cert.Subject.CommonName != id.Name:
		reasons = append(reasons, fmt.Sprintf("it is called %s, not %s", subject.Of(cert), id.Name))
	}
	if missing := id.Lacking(cert); id.Role == pki.Server && missing != "" {
		reasons = append(reasons, "lacks "+missing)
	}
	if have, _ := pki.KeyTypeOf(cert.PublicKey); r.o.typeGiven && have != r.keyType {
		reasons = append(reasons, fmt.Sprintf("its key is %s, not %s", certinfo.KeyType(cert.PublicKey), r.keyType))
	}
	return reasons
}
