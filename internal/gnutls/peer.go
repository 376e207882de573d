package gnutls

import "bytes"

// SortChain returns the part of a file's certificates that GnuTLS sends in a handshake: the
// first one, and its issuers in order, up to a self-signed certificate.
func SortChain(certs []*Certificate) []*Certificate {
	sorted := certs[:1:1]
	for len(sorted) < len(certs) {
		last := sorted[len(sorted)-1]
		if Issued(last, last) {
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
		if c != cert && Issued(cert, c) {
			return c
		}
	}
	return nil
}

// Shorten returns the part of a peer's chain that GnuTLS verifies: without a self-signed end,
// and without the certificates behind a CA that is trusted.
func Shorten(chain, trusted []*Certificate) []*Certificate {
	if n := len(chain); n > 1 && Issued(chain[n-1], chain[n-1]) {
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

// VerifyPeer verifies the chain of the other side of a session, leaf first. It returns the
// faults, each with the certificate that has it. As in gnutls_x509_trust_list_verify_crt2, it
// tries the trusted CAs that have the name of the last issuer, then those that have the last
// certificate's own name.
func (v *ChainCheck) VerifyPeer(chain, trusted []*Certificate) map[Fault]*Certificate {
	last := chain[len(chain)-1]
	v.Trusted = named(trusted, last.Issuer)
	faults := v.Verify(chain)
	old := faults[FaultNoIssuer] != nil || faults[FaultInsecure] != nil || v.expired(faults)
	if !old || bytes.Equal(last.Subject, last.Issuer) {
		return faults
	}
	v.Trusted = named(trusted, last.Subject)
	again := v.Verify(chain)
	if Refuses(again) && faults[FaultNoIssuer] == nil {
		return faults
	}
	return again
}

func (v *ChainCheck) expired(faults map[Fault]*Certificate) bool {
	for _, f := range []Fault{FaultIssuerTimes, FaultTimes} {
		if c := faults[f]; c != nil && v.Now.Unix() > c.NotAfter.Unix() {
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
