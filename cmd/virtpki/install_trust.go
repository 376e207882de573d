package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/judge"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// parseFingerprints reads SHA-256 fingerprints as virtpki and openssl print them.
func parseFingerprints(texts []string) (map[string]bool, error) {
	all := make(map[string]bool)
	for _, text := range texts {
		bare := strings.ToLower(strings.ReplaceAll(text, ":", ""))
		bare = strings.TrimPrefix(strings.TrimPrefix(bare, "sha256"), " fingerprint=")
		if raw, err := hex.DecodeString(bare); err != nil || len(raw) != sha256.Size {
			return nil, fmt.Errorf("bad fingerprint %s (64 hexadecimal digits, as virtpki ca show prints them)", termtext.QuoteShort(text))
		}
		all[bare] = true
	}
	return all, nil
}

// decideCAs plans which CAs are trusted: those of before and, as far as they may
// be, those of the answer.
func (in *intake) decideCAs(j *change.Job) error {
	path := in.to.Layout.Path(libvirt.CACert)
	here, err := keypair.ReadCertsIfThere(j.Plan.Tree(), path)
	if err != nil {
		return err
	}
	if err := in.mayTrust(j, here); err != nil {
		return err
	}
	in.cas, in.dropped = in.merge(here)
	if len(in.cas) == 0 {
		return hint.With(errors.New("no CA is trusted here, and the answer brings none"), "virtpki sign puts it into the answer")
	}
	data := pki.EncodeCertificates(in.cas...)
	if err := judge.CheckCAs(data, in.here.Now()); err != nil {
		return fmt.Errorf("the new CA file: %w", err)
	}
	if keypair.Same(here, in.cas) {
		return nil
	}
	return in.to.Write(&j.Plan, libvirt.CACert, data)
}

// mayTrust refuses CAs that are new here and that nobody has vouched for.
func (in *intake) mayTrust(j *change.Job, here []*x509.Certificate) error {
	for _, ca := range in.answer.CAs {
		print := libvirt.Fingerprint(ca)
		switch {
		case keypair.Contains(here, ca) || in.trust[print]:
		case len(here) == 0 && len(in.trust) == 0:
			j.Note("%s is trusted here from now on; its fingerprint must be what virtpki ca show says at the CA: sha256 %s", subject.Of(ca), print)
		default:
			return hint.With(fmt.Errorf("the answer brings a CA that is not trusted here: %s (sha256 %s)", subject.Of(ca), print),
				"if that is what virtpki ca show says at the CA, take it with --trust-new-ca %s", print)
		}
	}
	return nil
}

// merge is what is trusted afterwards, and what is not any more because it was
// asked for. A CA that has expired goes unasked: it keeps libvirtd from starting.
// Where the answer has all of them, its order counts.
func (in *intake) merge(here []*x509.Certificate) (cas, dropped []*x509.Certificate) {
	for _, ca := range here {
		switch there := keypair.Contains(in.answer.CAs, ca); {
		case !there && !in.here.Now().Before(ca.NotAfter):
		case !there && in.o.exactCAs && len(in.answer.CAs) > 0:
			dropped = append(dropped, ca)
		default:
			cas = append(cas, ca)
		}
	}
	for _, ca := range in.answer.CAs {
		if !keypair.Contains(cas, ca) {
			cas = append(cas, ca)
		}
	}
	if len(in.answer.CAs) == len(cas) {
		cas = in.answer.CAs
	}
	return cas, dropped
}

// decideCRLs plans the revocation lists: of each issuer the newest.
func (in *intake) decideCRLs(j *change.Job) error {
	path := in.to.Layout.Path(libvirt.CACRL)
	here, err := keypair.ReadCRLs(j.Plan.Tree(), path)
	if err != nil {
		return err
	}
	after := here
	for _, crl := range in.answer.CRLs {
		if err := in.checkCRL(crl); err != nil {
			return err
		}
		old := listOf(here, crl)
		if old != nil && keypair.OlderCRL(crl, old) && !in.o.force {
			if err := in.olderCRL(j, crl, old); err != nil {
				return err
			}
			continue
		}
		after = keypair.ReplaceCRL(after, crl)
	}
	in.lists = after
	return in.planCRLs(j, here)
}

func (in *intake) planCRLs(j *change.Job, here []*pki.CRL) error {
	if slices.EqualFunc(here, in.lists, func(a, b *pki.CRL) bool { return bytes.Equal(a.Raw, b.Raw) }) {
		return nil
	}
	for _, crl := range in.lists {
		if !slices.ContainsFunc(here, func(old *pki.CRL) bool { return bytes.Equal(old.Raw, crl.Raw) }) {
			j.Did("CRL of %s, number %v: %s", subject.Text(crl.RawIssuer), crl.Number, termtext.Count(crl.Len(), "entry", "entries"))
		}
	}
	return in.to.Write(&j.Plan, libvirt.CACRL, pki.EncodeCRL(in.lists...))
}

// checkCRL wants a whole list that a trusted CA has signed: libvirt would believe
// any.
func (in *intake) checkCRL(crl *pki.CRL) error {
	issuer := subject.Text(crl.RawIssuer)
	switch {
	case crl.Delta:
		return fmt.Errorf("the CRL of %s is a delta, and libvirt would take it for the whole", issuer)
	case crl.Indirect:
		return fmt.Errorf("the CRL of %s is an indirect one, which libvirt reads wrongly", issuer)
	case crl.ThisUpdate.After(in.here.Now().Add(pki.Backdate)):
		return fmt.Errorf("the CRL of %s is from the future (%s)", issuer, termtext.Day(crl.ThisUpdate))
	}
	for _, ca := range in.cas {
		if bytes.Equal(ca.RawSubject, crl.RawIssuer) && crl.CheckSignatureFrom(ca) == nil {
			return nil
		}
	}
	return fmt.Errorf("the CRL of %s is not signed by a CA that is trusted here", issuer)
}

// listOf is the list here of the same issuer.
func listOf(here []*pki.CRL, crl *pki.CRL) *pki.CRL {
	for _, old := range here {
		if bytes.Equal(old.RawIssuer, crl.RawIssuer) {
			return old
		}
	}
	return nil
}

// olderCRL keeps the list that is here. Where nothing else came, that is an error.
func (in *intake) olderCRL(j *change.Job, crl, old *pki.CRL) error {
	err := fmt.Errorf("the CRL of %s is older than the one here (number %v, here %v)", subject.Text(crl.RawIssuer), crl.Number, old.Number)
	if len(in.answer.Leafs) == 0 {
		return hint.With(err, "--force takes it all the same")
	}
	j.Note("%v: the one here stays", err)
	return nil
}
