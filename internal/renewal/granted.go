package renewal

import (
	"fmt"
	"slices"

	"virtpki/internal/authority"
	"virtpki/internal/hint"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// origin holds the facts that decide whether the names of an existing certificate are signed
// again.
type origin struct {
	user      bool // it lies in a user's directory
	signed    bool // by a generation of the CA that is trusted here
	keyFits   bool // its key lies beside it
	elsewhere bool // the CA's key is on another machine, where its policy decides
	recorded  bool // by the CA; not looked up if nothing depends on it
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

// ungranted returns why the next certificate must not take the names of this one; empty if it
// may. In a directory that only root can write, the signature of this CA is enough, or the
// record of a previous CA. In a user's directory all conditions must hold, because others could
// put files there that everyone can read, such as somebody else's certificates. If the CA's key
// is elsewhere, the CA's policy decides about the rest.
func ungranted(o origin) string {
	switch {
	case o.user && !o.signed:
		return "was not signed by the CA here"
	case o.user && !o.keyFits:
		return "has no key beside it"
	case o.elsewhere:
	case o.user && !o.recorded:
		return "is not in this CA's records"
	case !o.granted:
		return "was not made by this CA"
	case !slices.Contains(o.roles, o.role):
		return fmt.Sprintf("is not a %s's certificate", o.role)
	}
	return ""
}

// hold limits the due certificates to those whose names their CA has granted: a certificate
// that was only found is not a reason to sign its names.
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

// wouldUndo returns how a renewal would admit a person again who was shut out; empty if it
// would not. It does not apply to the machine's own pairs: they were revoked in order to be
// replaced.
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
