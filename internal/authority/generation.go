package authority

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"slices"
	"time"

	"virtpki/internal/keypair"
	"virtpki/internal/store"
	"virtpki/pki"
)

// Generation is one generation of a CA: its certificate and key, and its list.
type Generation struct {
	CA      pki.CA   // Signer is nil until Unlock
	Current *pki.CRL // nil until LoadCRL, and when there is none
	highest *big.Int // the highest number of a list in other files; nil when there is none
}

// byKeyID returns the certificate of cacert.pem with a SubjectKeyId in hexadecimal, or nil.
func (a *Authority) byKeyID(id string) *x509.Certificate {
	for _, cert := range a.Certificates {
		if keyID(cert) == id {
			return cert
		}
	}
	return nil
}

func keyID(cert *x509.Certificate) string { return hex.EncodeToString(cert.SubjectKeyId) }

// generations returns the generations that have their key here, the one that signs first.
func (a *Authority) generations() []*Generation {
	return append([]*Generation{&a.Generation}, a.others...)
}

// SignerOf returns the generation that has signed a certificate. If it is not known, SignerOf
// returns the generation that signs now.
func (a *Authority) SignerOf(cert *x509.Certificate) *Generation {
	for _, gen := range a.generations() {
		if cert != nil && cert.CheckSignatureFrom(gen.CA.Certificate) == nil {
			return gen
		}
	}
	return &a.Generation
}

// HasSigned reports whether a generation of the CA has signed a certificate.
func (a *Authority) HasSigned(cert *x509.Certificate) bool {
	return slices.ContainsFunc(a.Certificates, func(ca *x509.Certificate) bool { return cert.CheckSignatureFrom(ca) == nil })
}

// EverSigned is HasSigned for generations that were dropped, too.
func (a *Authority) EverSigned(cert *x509.Certificate) bool {
	dropped := func(ca *x509.Certificate) bool { return cert.CheckSignatureFrom(ca) == nil }
	return a.HasSigned(cert) || slices.ContainsFunc(a.Retired, dropped)
}

// elsewhere returns the entries that the generation's lists in other files have and its own list
// does not: a daemon may have read a file that another tool kept. So virtpki does not forget a
// revocation because it stood in the wrong place.
func (gen *Generation) elsewhere(t store.Tree, places []string) ([]x509.RevocationListEntry, error) {
	var found []x509.RevocationListEntry
	known := make(map[string]bool)
	for _, path := range places {
		crls, err := keypair.ReadCRLs(t, path)
		if err != nil {
			return nil, err
		}
		other := keypair.NewestCRL(crls, gen.CA.Certificate)
		if other == nil || gen.Current != nil && bytes.Equal(other.Raw, gen.Current.Raw) {
			continue
		}
		gen.highest = maxNumber(gen.highest, other.Number)
		gen.learn(known)
		for entry, err := range other.Entries() {
			if serial := entry.SerialNumber.String(); err == nil && !known[serial] {
				known[serial] = true
				found = append(found, entry)
			}
		}
	}
	return found, nil
}

// learn fills known with the serials of the generation's own list, once.
func (gen *Generation) learn(known map[string]bool) {
	if len(known) > 0 || gen.Current == nil {
		return
	}
	for entry := range gen.Current.Entries() { // one that is malformed has a serial too
		known[entry.SerialNumber.String()] = true
	}
}

func maxNumber(a, b *big.Int) *big.Int {
	if a == nil || b != nil && b.Cmp(a) > 0 {
		return b
	}
	return a
}

// nextCRL signs the list that follows the current one. If the CA's list is lost, its numbers
// continue from the time, which is higher than any count.
func (gen *Generation) nextCRL(now time.Time, elsewhere, entries []x509.RevocationListEntry, validity time.Duration) (*pki.CRL, error) {
	next := big.NewInt(now.Unix())
	if gen.Current != nil {
		next = pki.NextNumber(gen.Current)
	}
	if gen.highest != nil && gen.highest.Cmp(next) >= 0 {
		next = new(big.Int).Add(gen.highest, big.NewInt(1))
	}
	return gen.CA.CRL(pki.CRLRequest{Number: next, Base: gen.Current, Add: slices.Concat(elsewhere, entries), Replace: entries, Now: now, Validity: validity})
}
