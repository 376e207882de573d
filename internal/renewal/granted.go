package renewal

import (
	"fmt"
	"slices"

	"virtpki/internal/authority"
	"virtpki/internal/hint"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// origin is all that decides whether the names of a certificate that was found are signed
// again.
type origin struct {
	user      bool // it lies in a user's directory
	signed    bool // by a generation of the CA that is trusted here
	keyFits   bool // its key lies beside it
	elsewhere bool // the CA's key is on another machine, where its policy decides
	recorded  bool // by the CA; not asked where nothing depends on it
	granted   bool // signed, or recorded by a generation that is gone
	role      pki.Role
	roles     []pki.Role // that it is good for
}

// originOf gathers it.
func (r *renewal) originOf(a *authority.Authority, c *candidate) origin {
	cert := c.pair.Cert
	o := origin{
		user: c.place == ofUser, signed: c.signed, keyFits: c.keyFits(), elsewhere: keyAbsent(r.m),
		role: c.role, roles: pki.RolesOf(cert),
	}
	if !o.elsewhere {
		o.recorded = (o.user || !c.signed) && a.HasRecord(cert)
		o.granted = c.signed || o.recorded
	}
	return o
}

// ungranted returns why the names of a certificate are not those of the next one; empty
// where they are. Where root alone can write, the signature of this CA is enough, or
// the record of a generation that is gone. In a user's directory it takes all: what
// can be read by everyone, such as the certificates of others, could be put there.
// Where the CA's key is elsewhere, its policy decides about the rest.
func ungranted(o origin) string {
	switch {
	case o.user && !o.signed:
		return "was not signed by the CA here"
	case o.user && !o.keyFits:
		return "lies there without its key"
	case o.elsewhere:
	case o.user && !o.recorded:
		return "is not among this CA's records"
	case !o.granted:
		return "was not made by this CA"
	case !slices.Contains(o.roles, o.role):
		return fmt.Sprintf("is not a %s's certificate", o.role)
	}
	return ""
}

// hold keeps what is due to what its CA has granted: the names of a certificate that
// was found are no reason to sign them.
func (r *renewal) hold(a *authority.Authority, c *candidate) {
	if len(c.reasons) == 0 {
		return
	}
	why := ungranted(r.originOf(a, c))
	switch {
	case why == "":
	case c.place == ofUser:
		r.leave(c, fmt.Sprintf("%s %s (virtpki issue client NAME --user makes a new pair)", subject.Of(c.pair.Cert), why))
		c.reasons = nil
	default:
		c.err = hint.With(fmt.Errorf("%s: %s %s: renew does not sign its names", c.pair.CertPath, subject.Of(c.pair.Cert), why),
			"move it and its key away, then: virtpki %sissue %s NAME", r.m.Flags(), c.role)
	}
}

// wouldUndo returns how a renewal would let a person in again who was shut out; empty where
// it would not. The machine's own pairs are another matter: a new one is what their
// revocation was for.
func (r *renewal) wouldUndo(a *authority.Authority, c *candidate) (string, error) {
	if c.place != ofUser {
		return "", nil
	}
	if _, revoked := a.FindRevoked(c.pair.Cert.SerialNumber); revoked {
		return subject.Of(c.pair.Cert) + " is revoked", nil
	}
	h, err := a.ShutOuts(r.m.Now())
	if err != nil {
		return "", err
	}
	out, err := h.ShutOut(c.pair.Cert)
	if err != nil || len(out) == 0 {
		return "", err
	}
	return authority.ShutOutText(out[0]), nil
}
