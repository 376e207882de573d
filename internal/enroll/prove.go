package enroll

import (
	"virtpki/internal/keypair"
	"virtpki/pki"
)

// prove adds the proofs that the live keys of the layout are here too: the CA grants the names
// of their certificates only to a host that has these keys. A pair that is broken or has
// expired does not prove anything, and does not prevent a request.
func (a *Asker) prove(csr *pki.CSR) error {
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		live, err := keypair.Load(a.Machine.Tree(), a.To.Layout, role)
		if err != nil || live.Cert == nil || live.Key == nil || !a.Machine.Now().Before(live.Cert.NotAfter) {
			continue
		}
		if pki.SameKey(csr.PublicKey, live.Key.Public()) {
			continue // the request itself is by that key
		}
		if err := csr.Prove(live.Cert, live.Key); err != nil {
			return err
		}
	}
	return nil
}
