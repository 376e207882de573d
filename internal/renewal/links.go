package renewal

import (
	"errors"
	"fmt"

	"virtpki/internal/authority"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
)

// minds leaves a candidate behind a link to the person who made the link. Once the certificate
// is due, that is an error, before anything is signed; until then each run reports it.
func (r *renewal) minds(c *candidate) {
	if r.ReplaceLinks || c.err != nil {
		return
	}
	text := linked(r.m.Tree(), c.pair.CertPath, c.pair.KeyPath)
	switch {
	case text == "":
	case c.due():
		c.err = hint.With(fmt.Errorf("%s (%s)", text, c.why()), "the program that made the link has to renew it, or: virtpki %srenew --replace-links%s", r.m.Flags(), r.m.RenewFlag())
	default:
		r.left = append(r.left, text+": virtpki will not renew it; see --replace-links")
	}
}

// mindsCRL is [renewal.minds] for the CA's CRL, if this machine makes it. With --replace-links a
// file takes the place of the link at once: a CRL is not signed for a lifetime that it would cut.
func (r *renewal) mindsCRL(a *authority.Authority) {
	text := linked(r.m.Tree(), a.Layout.Path(libvirt.CACRL))
	switch {
	case text == "" || r.crl != "" || keyAbsent(r.m): // once it is due, that is an error: see renewCRL
	case r.ReplaceLinks:
		r.crl = "a file takes the place of a link"
	default:
		r.left = append(r.left, text+": virtpki will not renew it; see --replace-links")
	}
}

// leftToLink returns the error of a plan that a link is in the way of, with the step that is left
// to a person; nil if the plan failed for another reason, or not at all. why says why the file is
// due, flags lead to this machine.
func leftToLink(err error, why, flags string) error {
	var link *store.LinkError
	if !errors.As(err, &link) {
		return nil
	}
	return hint.With(fmt.Errorf("%w (%s)", link, why), "the program that made the link has to renew it, or: virtpki %srenew --replace-links", flags)
}

// linked names the first of some paths that is a link; empty for none.
func linked(t store.Tree, paths ...string) string {
	for _, path := range paths {
		if target, err := t.Readlink(path); err == nil {
			return fmt.Sprintf("%s: a link to %q, not a file", path, target)
		}
	}
	return ""
}
