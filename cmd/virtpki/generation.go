package main

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"time"

	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/pki"
)

// generation is one generation of a CA: its certificate and key, and its list.
type generation struct {
	ca      pki.CA   // Signer is nil until opened
	current *pki.CRL // nil until loadCRL, and when there is none
	highest *big.Int // the highest number of a list in other files; nil when there is none
}

// rollover is how far the change to a new generation is. It lies beside the CA
// in JSON while there is one.
type rollover struct {
	Old     string    `json:"old"` // SubjectKeyId of the CA on its way out, hexadecimal
	New     string    `json:"new"` // of the one that comes
	Started time.Time `json:"started"`
	// Switch is when the new generation begins to sign. Until then every host
	// and client can be given the new cacert.pem.
	Switch time.Time `json:"switch"`
}

// loadRollover reads the state of a rollover, and picks the certificate that
// signs: the first of the bundle outside of one.
func (a *authority) loadRollover(now time.Time) error {
	a.ca.Certificate = a.bundle[0]
	path := a.layout.Path(libvirt.CARollover)
	data, err := machine.ReadIfThere(a.tree, path)
	if err != nil || data == nil {
		return err
	}
	state := &rollover{}
	if err := json.Unmarshal(data, state); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if a.byKeyID(state.New) == nil {
		return nil // a start or an abort was cut short: nobody trusts the new generation
	}
	a.rollover = state
	signs := a.rollover.Old
	if !now.Before(a.rollover.Switch) {
		signs = a.rollover.New
	}
	if cert := a.byKeyID(signs); cert != nil {
		a.ca.Certificate = cert
	}
	return nil
}

// byKeyID finds a certificate of the bundle.
func (a *authority) byKeyID(id string) *x509.Certificate {
	for _, cert := range a.bundle {
		if keyID(cert) == id {
			return cert
		}
	}
	return nil
}

func keyID(cert *x509.Certificate) string { return hex.EncodeToString(cert.SubjectKeyId) }

// arrange puts the generation that signs first.
func (a *authority) arrange(first, second *generation) {
	if second == nil {
		a.generation = *first
		return
	}
	if a.ca.Certificate.Equal(second.ca.Certificate) {
		first, second = second, first
	}
	a.generation, a.others = *first, []*generation{second}
}

// generations are those whose key is here, the one that signs first.
func (a *authority) generations() []*generation {
	return append([]*generation{&a.generation}, a.others...)
}

// currents are the lists that there are.
func (a *authority) currents() []*pki.CRL {
	var crls []*pki.CRL
	for _, gen := range a.generations() {
		if gen.current != nil {
			crls = append(crls, gen.current)
		}
	}
	return crls
}

// signerOf is the generation that has signed a certificate; the one that signs
// now for one that is not known.
func (a *authority) signerOf(cert *x509.Certificate) *generation {
	for _, gen := range a.generations() {
		if cert != nil && cert.CheckSignatureFrom(gen.ca.Certificate) == nil {
			return gen
		}
	}
	return &a.generation
}

// hasSigned reports whether a generation of the CA has signed a certificate.
func (a *authority) hasSigned(cert *x509.Certificate) bool {
	return slices.ContainsFunc(a.bundle, func(ca *x509.Certificate) bool { return cert.CheckSignatureFrom(ca) == nil })
}

// everSigned is hasSigned for generations that were dropped, too.
func (a *authority) everSigned(cert *x509.Certificate) bool {
	dropped := func(ca *x509.Certificate) bool { return cert.CheckSignatureFrom(ca) == nil }
	return a.hasSigned(cert) || slices.ContainsFunc(a.retired, dropped)
}

// findRevoked looks a serial up in the lists of all generations, those that were dropped
// among them. Of several entries the gravest counts.
func (a *authority) findRevoked(serial *big.Int) (gravest x509.RevocationListEntry, revoked bool) {
	for _, list := range a.recalled {
		if entry, ok := list.Find(serial); ok && (!revoked || isGraver(entry, gravest)) {
			gravest, revoked = entry, true
		}
	}
	return gravest, revoked
}

// isGraver reports whether the reason of a revocation shuts out more than that of
// another one.
func isGraver(entry, than x509.RevocationListEntry) bool {
	return gravity(pki.Reason(entry.ReasonCode)) > gravity(pki.Reason(than.ReasonCode))
}

func gravity(reason pki.Reason) int {
	switch {
	case reason.Compromised():
		return 2
	case reason.ShutsOut():
		return 1
	}
	return 0
}

// elsewhere are the entries of the generation's lists in other files that its own
// does not have: a daemon may have read a file that another tool kept. No
// revocation is forgotten because it stood in the wrong place.
func (gen *generation) elsewhere(t store.Tree, places []string) ([]x509.RevocationListEntry, error) {
	var found []x509.RevocationListEntry
	known := make(map[string]bool)
	for _, path := range places {
		crls, err := keypair.ReadCRLs(t, path)
		if err != nil {
			return nil, err
		}
		other := keypair.NewestCRL(crls, gen.ca.Certificate)
		if other == nil || gen.current != nil && bytes.Equal(other.Raw, gen.current.Raw) {
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
func (gen *generation) learn(known map[string]bool) {
	if len(known) > 0 || gen.current == nil {
		return
	}
	for entry := range gen.current.Entries() { // one that is malformed has a serial too
		known[entry.SerialNumber.String()] = true
	}
}

func maxNumber(a, b *big.Int) *big.Int {
	if a == nil || b != nil && b.Cmp(a) > 0 {
		return b
	}
	return a
}

// nextCRL signs the list that follows the current one. The numbers of a CA whose
// list is lost go on from the time: that is higher than any count.
func (gen *generation) nextCRL(now time.Time, elsewhere, entries []x509.RevocationListEntry, validity time.Duration) (*pki.CRL, error) {
	next := big.NewInt(now.Unix())
	if gen.current != nil {
		next = pki.NextNumber(gen.current)
	}
	if gen.highest != nil && gen.highest.Cmp(next) >= 0 {
		next = new(big.Int).Add(gen.highest, big.NewInt(1))
	}
	return gen.ca.CRL(pki.CRLRequest{Number: next, Base: gen.current, Add: slices.Concat(elsewhere, entries), Replace: entries, Now: now, Validity: validity})
}
