package judge

import "bytes"

func sortChain(certs []*Certificate) []*Certificate {
	sorted := certs[:1:1]
	for len(sorted) < len(certs) {
		last := sorted[len(sorted)-1]
		if issued(last, last) {
			break
		}
		next := issuerBehind(last, certs[1:])
		if next == nil {
			break
		}
		sorted = append(sorted, next)
	}
	return sorted
}

func issuerBehind(cert *Certificate, list []*Certificate) *Certificate {
	for _, c := range list {
		if c != cert && issued(cert, c) {
			return c
		}
	}
	return nil
}

// shorten drops a self-signed end, and what stands behind a trusted root.
func shorten(chain, trusted []*Certificate) []*Certificate {
	if n := len(chain); n > 1 && issued(chain[n-1], chain[n-1]) {
		chain = chain[:n-1]
	}
	for i := 1; i < len(chain); i++ {
		for _, ca := range trusted {
			if bytes.Equal(ca.Subject, chain[i].Issuer) && bytes.Equal(ca.Raw, chain[i].Raw) {
				return chain[:i+1]
			}
		}
	}
	return chain
}

// verifyPeer is gnutls_x509_trust_list_verify_crt2: first with the CAs that have
// the name of the last issuer, then with those of the last certificate's own name.
func (v *chainCheck) verifyPeer(chain, trusted []*Certificate) map[fault]*Certificate {
	last := chain[len(chain)-1]
	v.trusted = named(trusted, last.Issuer)
	faults := v.verify(chain)
	old := faults[faultNoIssuer] != nil || faults[faultInsecure] != nil || v.expired(faults)
	if !old || bytes.Equal(last.Subject, last.Issuer) {
		return faults
	}
	v.trusted = named(trusted, last.Subject)
	again := v.verify(chain)
	if refusedBy(again) && faults[faultNoIssuer] == nil {
		return faults
	}
	return again
}

func (v *chainCheck) expired(faults map[fault]*Certificate) bool {
	for _, f := range []fault{faultIssuerTimes, faultTimes} {
		if c := faults[f]; c != nil && v.now.Unix() > c.NotAfter.Unix() {
			return true
		}
	}
	return false
}

func named(list []*Certificate, name []byte) []*Certificate {
	var found []*Certificate
	for _, c := range list {
		if bytes.Equal(c.Subject, name) {
			found = append(found, c)
		}
	}
	return found
}
