package judge

import (
	"bytes"
	"errors"

	"virtpki/internal/gnutls"
)

// loadCRL reads the CRL as GnuTLS's loader does, and reports faults that GnuTLS does not check.
func (r *run) loadCRL() {
	f := r.set.CRL
	if r.set.Role == Client && !r.rules.ClientReadsCRL {
		return
	}
	if f.Absent() {
		if f.Path != "" {
			r.say(Finding{ID: "crl-missing", Level: Note, File: f.Path, Fix: "virtpki crl"}, "is not there, so no client is refused as revoked")
		}
		return
	}
	if !r.readable(f, "crl") {
		return
	}
	crls, err := gnutls.ReadCRLs(f.Data)
	switch {
	case errors.Is(err, gnutls.ErrNoBlock):
		r.refuse("crl-not-pem", f.Path, fixCRL, "does not contain an X509 CRL block (%s)", gnutls.LooksLike(f.Data))
	case err != nil:
		r.refuse("crl-broken", f.Path, fixCRL, "has an X509 CRL block, number %d, that GnuTLS cannot read", len(crls)+1)
	default:
		r.judgeCRLs(crls)
	}
}

func (r *run) judgeCRLs(crls []*gnutls.CRL) {
	f := r.set.CRL.Path
	kept, dropped := gnutls.Effective(crls)
	defer func() { r.raw = nil }()
	for _, c := range dropped {
		r.raw = c.Raw
		r.say(Finding{ID: "crl-superseded", Level: Warning, File: f, Fix: "keep one CRL for each CA"}, "contains two CRLs of %s, and GnuTLS ignores the one from %s", nameText(c.Issuer), day(c.ThisUpdate))
	}
	foreign := 0
	for _, c := range kept {
		r.raw = c.Raw
		name := nameText(c.Issuer)
		if !c.NextUpdate.IsZero() && r.now.After(c.NextUpdate) {
			r.say(Finding{ID: "crl-expired", Level: Warning, File: f, Fix: "virtpki crl"}, "the CRL of %s was due for an update on %s; GnuTLS ignores that date and keeps using it", name, day(c.NextUpdate))
		}
		if r.now.Before(c.ThisUpdate) {
			r.say(Finding{ID: "crl-future", Level: Note, File: f, Fix: "virtpki crl"}, "the CRL of %s is dated %s; GnuTLS ignores that date and uses it already", name, day(c.ThisUpdate))
		}
		if c.Delta {
			r.say(Finding{ID: "crl-delta", Level: Warning, File: f, Fix: "virtpki crl"}, "the CRL of %s is a delta CRL, which GnuTLS takes for the whole list", name)
		}
		if !r.judgeCRLIssuer(c, f) {
			foreign++
		}
	}
	if foreign == len(kept) { // the last finding is of one of them
		last := &r.out[len(r.out)-1]
		last.Level, last.Fix = Warning, fixCRL
		last.Text += ", and the file has no other CRL: no client is refused as revoked"
	}
}

// judgeCRLIssuer reports whether a CA in the file issued a CRL; it is true too if this is not
// known. GnuTLS does not check the signature of a CRL.
func (r *run) judgeCRLIssuer(c *gnutls.CRL, file string) bool {
	cas, err := gnutls.ReadCertificates(r.set.CA.Data, 0)
	if err != nil {
		return true
	}
	known, good := false, false
	for _, ca := range cas {
		if bytes.Equal(ca.Subject, c.Issuer) {
			known = true
			good = good || c.SignedBy(ca)
		}
	}
	switch {
	case !known:
		r.say(Finding{ID: "crl-foreign", Level: Note, File: file}, "has a CRL of %s, which is not in the CA file", nameText(c.Issuer))
	case !good:
		r.say(Finding{ID: "crl-signature", Level: Warning, File: file, Fix: "virtpki crl"}, "the CRL of %s was not signed by that CA; GnuTLS does not check that and uses it", nameText(c.Issuer))
	}
	return known
}
