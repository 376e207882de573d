package main

import "virtpki/pki"

// prove adds the proofs that the live keys of the layout are here too: the CA grants
// the names that they have to nobody else. A pair that is broken or has expired proves
// nothing, and keeps nobody from asking.
func (r *requests) prove(csr *pki.CSR) error {
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		live, err := loadPair(r.keys.g.Tree(), r.to.layout, role)
		if err != nil || live.cert == nil || live.key == nil || !r.here.Now().Before(live.cert.NotAfter) {
			continue
		}
		if pki.SameKey(csr.PublicKey, live.key.Public()) {
			continue // the request itself is by that key
		}
		if err := csr.Prove(live.cert, live.key); err != nil {
			return err
		}
	}
	return nil
}
