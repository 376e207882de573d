package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"virtpki/internal/authority"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// readOwn reads the certificate. Its names are those of the next one, so nobody may
// have written it who could not write as root or as this user anyhow.
func (in *installation) readOwn(m *machine.Machine) error {
	data, err := store.At(m.Root).ReadOwn(in.pair.CertPath, store.MaxPEM)
	var refusal *store.Refusal
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return in.pair.ReadCert() // a link that leads nowhere was put there to mean something
	case errors.As(err, &refusal):
		return hint.With(refusal, "%s", refusal.Hint())
	case err != nil:
		return err
	}
	certs, err := keypair.ParseCerts(in.pair.CertPath, data)
	if err == nil {
		in.pair.Cert = certs[0]
	}
	return err
}

// passOver reports whether the certificate is left alone and the run goes on: the
// directory of another user, into which a HOME that sudo has kept leads root.
func (r *renewal) passOver(in *installation) bool {
	var refusal *store.Refusal
	if !in.user(r.g.Machine) || !errors.As(in.err, &refusal) {
		return false
	}
	if r.g.Tree().Exists(in.pair.CertPath) {
		r.leave(in, refusal.Error())
	}
	return true
}

// leave notes that a certificate is not renewed, and why.
func (r *renewal) leave(in *installation, why string) {
	r.left = append(r.left, fmt.Sprintf("%s: not renewed: %s", in.pair.CertPath, why))
}

// tellLeft says what is left alone.
func (r *renewal) tellLeft() {
	for _, text := range r.left {
		if !r.g.quiet {
			r.warn("%s", text)
		}
	}
}

// user reports whether the certificate lies in a user's directory.
func (in *installation) user(m *machine.Machine) bool { return !in.system && !in.qemu(m) }

// hold keeps what is due to what its CA has granted: the names of a certificate that
// was found are no reason to sign them.
func (r *renewal) hold(a *authority.Authority, in *installation) {
	if len(in.reasons) == 0 {
		return
	}
	why := in.ungranted(r, a)
	switch {
	case why == "":
	case in.user(r.g.Machine):
		r.leave(in, fmt.Sprintf("%s %s (virtpki issue client NAME makes a new pair)", subject.Of(in.pair.Cert), why))
		in.reasons = nil
	default:
		in.err = hint.With(fmt.Errorf("%s: %s %s: renew does not sign its names", in.pair.CertPath, subject.Of(in.pair.Cert), why),
			"move it and its key away, then: virtpki %sissue %s NAME", r.g.Flags(), in.role)
	}
}

// ungranted says why the names of a certificate are not those of the next one; empty
// where they are. Where root alone can write, the signature of this CA is enough, or
// the record of a generation that is gone. In a user's directory it takes all: what
// can be read by everyone, such as the certificates of others, could be put there.
// Where the CA's key is elsewhere, its policy decides about the rest.
func (in *installation) ungranted(r *renewal, a *authority.Authority) string {
	cert := in.pair.Cert
	switch {
	case in.user(r.g.Machine) && !a.HasSigned(cert):
		return "was not signed by the CA here"
	case in.user(r.g.Machine) && (in.pair.Key == nil || in.pair.Mismatch() != nil):
		return "lies there without its key"
	case r.keyAbsent():
	case in.user(r.g.Machine) && !a.HasRecord(cert):
		return "is not among this CA's records"
	case !a.Granted(cert):
		return "was not made by this CA"
	case !slices.Contains(pki.RolesOf(cert), in.role):
		return fmt.Sprintf("is not a %s's certificate", in.role)
	}
	return ""
}
