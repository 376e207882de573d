package enroll

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// decideCRLs plans the revocation lists: of each issuer the newest. A layout without a place for
// them goes by the system's, and does not write them.
func (in *installer) decideCRLs(j *change.Job) error {
	path := cmp.Or(in.To.Layout.Path(libvirt.CACRL), in.m.System().Path(libvirt.CACRL))
	here, err := keypair.ReadCRLs(j.Plan.Tree(), path)
	if err != nil {
		return err
	}
	for _, crl := range in.CRLs {
		if err := in.checkCRL(crl); err != nil {
			return err
		}
	}
	after, older := keypair.MergeCRLs(here, in.CRLs, in.Force)
	for _, crl := range older {
		if err := in.olderCRL(j, crl, keypair.CRLOf(here, crl.RawIssuer)); err != nil {
			return err
		}
	}
	in.lists = after
	if err := in.revokedCA(); err != nil {
		return err
	}
	return in.planCRLs(j, here)
}

// revokedCA returns an error for a CA that came with key pairs and that a CRL names: an
// intermediate one that its issuer has given up.
func (in *installer) revokedCA() error {
	for _, ca := range in.CAs {
		if entry, ok := in.revoked(ca); ok && len(in.Given) > 0 {
			return fmt.Errorf("the CA %s was revoked on %s", subject.Of(ca), termtext.Day(entry.RevocationTime))
		}
	}
	return nil
}

func (in *installer) planCRLs(j *change.Job, here []*pki.CRL) error {
	if keypair.SameCRLs(here, in.lists) || in.To.Layout.Path(libvirt.CACRL) == "" {
		return nil
	}
	for _, crl := range in.lists {
		if !slices.ContainsFunc(here, func(old *pki.CRL) bool { return bytes.Equal(old.Raw, crl.Raw) }) {
			j.Did("CRL of %s, %s: %s", subject.Text(crl.RawIssuer), numbered(crl), termtext.Count(crl.Len(), "entry", "entries"))
		}
	}
	return in.To.Write(&j.Plan, libvirt.CACRL, pki.EncodeCRL(in.lists...))
}

// checkCRL wants a whole list that a trusted CA has signed: libvirt would believe
// any.
func (in *installer) checkCRL(crl *pki.CRL) error {
	issuer := subject.Text(crl.RawIssuer)
	switch {
	case crl.Delta:
		return fmt.Errorf("the CRL of %s is a delta CRL, which libvirt would take for the whole list", issuer)
	case crl.Indirect:
		return fmt.Errorf("the CRL of %s is an indirect CRL, which libvirt reads wrongly", issuer)
	case crl.ThisUpdate.After(in.m.Now().Add(pki.Backdate)):
		return fmt.Errorf("the CRL of %s is from the future (%s)", issuer, termtext.Day(crl.ThisUpdate))
	}
	for _, ca := range in.cas {
		if bytes.Equal(ca.RawSubject, crl.RawIssuer) && crl.CheckSignatureFrom(ca) == nil {
			return nil
		}
	}
	return fmt.Errorf("the CRL of %s is not signed by a CA that is trusted here", issuer)
}

// numbered words the number of a list, which it need not have.
func numbered(crl *pki.CRL) string {
	if crl.Number == nil {
		return "without a number"
	}
	return fmt.Sprintf("number %v", crl.Number)
}

// olderCRL keeps the CRL that is here. If the response contains nothing else, that is an error.
func (in *installer) olderCRL(j *change.Job, crl, old *pki.CRL) error {
	err := fmt.Errorf("the CRL of %s is older than the one here (%s, here %s)", subject.Text(crl.RawIssuer), numbered(crl), strings.TrimPrefix(numbered(old), "number "))
	if len(in.Leafs)+len(in.Given) == 0 {
		return hint.With(err, "--force installs it anyway")
	}
	j.Note("%v: the one here stays", err)
	return nil
}
