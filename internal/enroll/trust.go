package enroll

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/judge"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Fingerprints are SHA-256 fingerprints of certificates, as [libvirt.Fingerprint] writes
// them.
type Fingerprints map[string]bool

// ParseFingerprints reads fingerprints as virtpki and openssl print them.
func ParseFingerprints(texts []string) (Fingerprints, error) {
	all := make(Fingerprints)
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

// decideCAs plans which CAs are trusted, and notes those that are trusted on sight.
func (in *installer) decideCAs(j *change.Job) error {
	path := in.To.Layout.Path(libvirt.CACert)
	here, err := keypair.ReadCertsIfThere(j.Plan.Tree(), path)
	if err != nil {
		return err
	}
	t, err := decideTrust(here, in.CAs, trustPolicy{vouched: in.TrustNew, exact: in.ExactCAs, given: len(in.Given) > 0, below: in.BelowTrusted, now: in.m.Now()})
	if err != nil {
		return err
	}
	in.cas, in.dropped = t.cas, t.dropped
	for _, ca := range t.onSight {
		j.Note("%s is trusted here from now on: sha256 %s", subject.Of(ca), libvirt.Fingerprint(ca))
		j.Next("compare the fingerprint of %s with %s", subject.Of(ca), in.published())
	}
	data := pki.EncodeCertificates(in.cas...)
	if err := judge.CheckCAs(data, in.m.Now()); err != nil {
		return fmt.Errorf("the new CA file: %w", err)
	}
	if keypair.Same(here, in.cas) {
		return nil
	}
	return in.To.Write(&j.Plan, libvirt.CACert, data)
}

// trustPolicy decides which CAs of a response are trusted, and which of those here still are.
type trustPolicy struct {
	vouched Fingerprints // of CAs that may be new here
	exact   bool         // no other CAs than those of the response
	given   bool         // they come with key pairs, so that they are not in a response of the CA that vouches for them
	below   bool         // those that a trusted CA has signed need no fingerprint
	now     time.Time
}

// trust is which CAs are trusted after a response.
type trust struct {
	cas     []*x509.Certificate
	onSight []*x509.Certificate // of them, those that nobody has vouched for, if none was trusted
	dropped []*x509.Certificate // those that are not trusted any more because exact says so
}

// decideTrust returns the trusted CAs: those that are here and, if the policy allows it, those
// of a response.
func decideTrust(here, given []*x509.Certificate, p trustPolicy) (t trust, err error) {
	if len(given) > libvirt.MaxCAs {
		return trust{}, fmt.Errorf("the new CA file: contains %d CAs, but libvirt reads only the first %d", len(given), libvirt.MaxCAs)
	}
	if t.onSight, err = p.onSight(here, given); err != nil {
		return trust{}, err
	}
	if t.cas, t.dropped = p.merge(here, given); len(t.cas) == 0 {
		return trust{}, p.refuseNone()
	}
	return t, nil
}

// onSight refuses CAs that are new here and that nobody has vouched for. If no CA is trusted
// yet, it returns them: nothing here tells them from the right ones.
func (p *trustPolicy) onSight(here, given []*x509.Certificate) (onSight []*x509.Certificate, err error) {
	chained := belowTrusted(slices.Concat(here, p.vouchedOf(given)), given)
	for _, ca := range given {
		switch print := libvirt.Fingerprint(ca); {
		case keypair.Contains(here, ca) || p.vouched[print]:
		case (p.given || p.below) && keypair.Contains(chained, ca):
		case len(here) == 0 && len(p.vouched) == 0:
			onSight = append(onSight, ca)
		default:
			ca = p.rootOf(ca, given)
			return nil, p.refuseNew(ca, libvirt.Fingerprint(ca))
		}
	}
	return onSight, nil
}

// rootOf returns the CA whose fingerprint a person has to look at. If CAs below a trusted one
// are accepted, that is the one at the top.
func (p *trustPolicy) rootOf(ca *x509.Certificate, given []*x509.Certificate) *x509.Certificate {
	for range given {
		i := slices.IndexFunc(given, func(above *x509.Certificate) bool { return !above.Equal(ca) && maySign(above, ca) })
		if i < 0 || !p.below {
			break
		}
		ca = given[i]
	}
	return ca
}

// vouchedOf returns the CAs for which somebody vouches.
func (p *trustPolicy) vouchedOf(given []*x509.Certificate) (vouched []*x509.Certificate) {
	for _, ca := range given {
		if p.vouched[libvirt.Fingerprint(ca)] {
			vouched = append(vouched, ca)
		}
	}
	return vouched
}

// merge returns the CAs that are trusted, and those that are dropped. An expired one that the
// response does not contain goes without a question: it keeps libvirtd from starting. If the
// response has all of them, its order counts.
func (p *trustPolicy) merge(here, given []*x509.Certificate) (cas, dropped []*x509.Certificate) {
	for _, ca := range here {
		switch there := keypair.Contains(given, ca); {
		case !there && !p.now.Before(ca.NotAfter):
		case !there && p.exact && len(given) > 0:
			dropped = append(dropped, ca)
		default:
			cas = append(cas, ca)
		}
	}
	for _, ca := range given {
		if !keypair.Contains(cas, ca) {
			cas = append(cas, ca)
		}
	}
	if len(given) == len(cas) {
		cas = given
	}
	return cas, dropped
}

// refuseNew returns the error for a CA that nobody has vouched for.
func (p *trustPolicy) refuseNew(ca *x509.Certificate, print string) error {
	if p.given {
		return hint.With(fmt.Errorf("it comes with a CA that this host does not trust: %s (sha256 %s)", subject.Of(ca), print),
			"if the CA publishes that fingerprint, accept it with --trust-new-ca %s", print)
	}
	err := fmt.Errorf("the response brings a CA that this host does not trust: %s (sha256 %s)", subject.Of(ca), print)
	if p.below {
		return hint.With(err, "if the CA publishes that fingerprint, accept it with --trust-new-ca %s", print)
	}
	return hint.With(err,
		"if virtpki ca show prints that fingerprint at the CA, accept it with --trust-new-ca %s", print)
}

// refuseNone returns the error for a machine that would not trust any CA.
func (p *trustPolicy) refuseNone() error {
	if p.given {
		return hint.With(errors.New("this host trusts no CA yet, and the key comes without a CA certificate"), "give the certificate of the CA too")
	}
	return hint.With(errors.New("this host trusts no CA yet, and the response brings none"), "virtpki sign puts it into the response")
}

// belowTrusted returns the CAs that a trusted one has signed, directly or through others of
// them. They are trusted already when a chain is sent. It leaves out those of an issuer that
// limits what is below it: the limit would be lost, since a CA in libvirt's file stands for
// itself.
func belowTrusted(trusted, given []*x509.Certificate) []*x509.Certificate {
	var below []*x509.Certificate
	for range given {
		for _, ca := range given {
			known := slices.Concat(trusted, below)
			if !keypair.Contains(known, ca) && slices.ContainsFunc(known, func(issuer *x509.Certificate) bool { return maySign(issuer, ca) }) {
				below = append(below, ca)
			}
		}
	}
	return below
}

// maySign reports whether a CA has signed another one and does not limit its certificates.
func maySign(issuer, ca *x509.Certificate) bool {
	limited := issuer.MaxPathLenZero || slices.ContainsFunc(issuer.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidNameConstraints) })
	return !limited && ca.CheckSignatureFrom(issuer) == nil
}

var oidNameConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}
