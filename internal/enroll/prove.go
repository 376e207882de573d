package enroll

import (
	"virtpki/internal/keypair"
	"virtpki/pki"
)

// prove adds the proofs that the live keys of the layout are here too, and those beside it:
// the CA grants the names of their certificates only to a host that has these keys. A pair that is broken or has
// expired does not prove anything, and does not prevent a request.
func (a *Asker) prove(csr *pki.CSR) error {
	for _, role := range a.To.Layout.Roles() {
		live, err := keypair.Load(a.Machine.Tree(), a.To.Layout, pki.Role(role))
		if err != nil {
			continue
		}
		if err := a.proveBy(csr, live); err != nil {
			return err
		}
	}
	for _, live := range a.Beside {
		if live.Mismatch() != nil || len(csr.Proofs) == pki.MaxKeyProofs {
			continue
		}
		if err := a.proveBy(csr, live); err != nil {
			return err
		}
	}
	return nil
}

// proveBy adds the proof of one live pair.
func (a *Asker) proveBy(csr *pki.CSR, live *keypair.Pair) error {
	if live.Cert == nil || live.Key == nil || !a.Machine.Now().Before(live.Cert.NotAfter) {
		return nil
	}
	if pki.SameKey(csr.PublicKey, live.Key.Public()) {
		return nil // the request itself is by that key
	}
	return csr.Prove(live.Cert, live.Key)
}
