package renewal

import (
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
		c.err = hint.With(fmt.Errorf("%s (%s)", text, c.why()), "whoever made the link has to renew it, or: virtpki %srenew --replace-links", r.m.Flags())
	default:
		r.left = append(r.left, text+": virtpki will not renew it; see --replace-links")
	}
}

// mindsCRL notes that the CA's CRL is behind a link, if this machine makes it.
func (r *renewal) mindsCRL(a *authority.Authority) {
	if text := linked(r.m.Tree(), a.Layout.Path(libvirt.CACRL)); text != "" && !r.ReplaceLinks && !keyAbsent(r.m) {
		r.left = append(r.left, text+": virtpki will not renew it; see --replace-links")
	}
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
