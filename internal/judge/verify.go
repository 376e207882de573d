package judge

import (
	"bytes"
	"time"
)

// fault is one thing that GnuTLS's chain verification objects to
// (lib/x509/verify.c). Their order is the one in which libvirt picks the one
// reason that it prints.
type fault int

const (
	faultInsecure    fault = iota // signature or key too weak
	faultNoIssuer                 // no CA of the issuer's name (and key id) is trusted
	faultNotCA                    // the issuer is no CA
	faultIssuerUsage              // the issuer's keyUsage does not permit signing certificates
	faultConstraints              // name constraints
	faultPathLen                  // more CAs below one than it allows
	faultSignature                // the signature is wrong
	faultUnreadableSignature
	faultCritical     // a critical extension that GnuTLS does not know
	faultIssuerTimes  // the issuer is expired or not valid yet
	faultTimes        // the certificate itself is
	faultUncheckedSig // no fault: a signature that this program could not verify
)

// chainCheck is one verification.
type chainCheck struct {
	trusted []*Certificate
	now     time.Time
	// minBits is the security level that signatures and keys must have, 0 none:
	// sessions ask for 80 bits (profile LOW of the priority NORMAL), the check of
	// one's own files for none.
	minBits int

	faults  map[fault]*Certificate // with the certificate at fault
	pathLen int
	names   constraints
}

// maxDepth is GnuTLS's MAX_VERIFY_DEPTH.
const maxDepth = 4096

// verify follows _gnutls_verify_crt_status for a chain, leaf first. No faults
// means that it is accepted.
func (v *chainCheck) verify(chain []*Certificate) map[fault]*Certificate {
	v.faults, v.pathLen, v.names = map[fault]*Certificate{}, maxDepth, constraints{}
	if n := len(chain); n > 1 && issued(chain[n-1], chain[n-1]) {
		chain = chain[:n-1]
	}
	chain, ok := v.cutAtTrusted(chain)
	if !ok || len(chain) == 0 {
		return v.faults
	}
	last := len(chain) - 1
	if !v.link(chain[last], v.findIssuer(chain[last]), last == 0, true) {
		return v.faults
	}
	for i := last; i > 0; i-- {
		issuer := chain[i]
		if !issued(chain[i-1], issuer) {
			issuer = nil
		}
		if !v.link(chain[i-1], issuer, i == 1, false) {
			break
		}
	}
	return v.faults
}

// cutAtTrusted drops the first certificate that is trusted itself and all that
// follow. The leaf has to be the same bytes, a CA the same name and key.
func (v *chainCheck) cutAtTrusted(chain []*Certificate) ([]*Certificate, bool) {
	for i, cert := range chain {
		for _, ca := range v.trusted {
			same := bytes.Equal(cert.Raw, ca.Raw)
			if i > 0 {
				same = same || bytes.Equal(cert.Subject, ca.Subject) && bytes.Equal(cert.spki, ca.spki)
			}
			if !same {
				continue
			}
			v.times(ca, faultIssuerTimes)
			if v.minBits > 0 && !strongKey(ca.key, v.minBits) {
				v.blame(faultInsecure, ca)
			}
			return chain[:i], len(v.faults) == 0
		}
	}
	return chain, true
}

// issued compares names byte for byte, and key ids where both are there.
func issued(cert, issuer *Certificate) bool {
	if !bytes.Equal(cert.Issuer, issuer.Subject) {
		return false
	}
	aki, ski := cert.authorityKeyID(), issuer.subjectKeyID()
	return aki == nil || ski == nil || bytes.Equal(aki, ski)
}

// findIssuer takes the first that fits, or a later one that is valid now.
func (v *chainCheck) findIssuer(cert *Certificate) *Certificate {
	var found *Certificate
	for _, ca := range v.trusted {
		if issued(cert, ca) && (found == nil || v.now.Before(ca.NotAfter) && !v.now.Before(ca.NotBefore)) {
			found = ca
		}
	}
	return found
}

func (v *chainCheck) blame(f fault, cert *Certificate) {
	if v.faults[f] == nil {
		v.faults[f] = cert
	}
}

// refused ignores what is no fault.
func refusedBy(faults map[fault]*Certificate) bool {
	n := len(faults)
	if faults[faultUncheckedSig] != nil {
		n--
	}
	return n > 0
}

// link verifies one certificate against its issuer; leaf is the end certificate,
// anchor says that the issuer comes from the CA file.
func (v *chainCheck) link(cert, issuer *Certificate, leaf, anchor bool) bool {
	if v.pathLen == 0 {
		v.blame(faultPathLen, cert)
		return false
	}
	v.pathLen--
	if issuer == nil {
		v.blame(faultNoIssuer, cert)
	} else {
		v.issuerAllows(cert, issuer, leaf, anchor)
		v.signed(cert, issuer)
		if issuer.unknownCritical() != "" {
			v.blame(faultCritical, issuer)
		}
	}
	if leaf && cert.unknownCritical() != "" {
		v.blame(faultCritical, cert)
	}
	v.strength(cert, issuer)
	if issuer != nil {
		v.times(issuer, faultIssuerTimes)
	}
	v.times(cert, faultTimes)
	return !refusedBy(v.faults)
}

// issuerAllows: constraints, and whether the issuer is a CA. A self-signed CA of
// version 1 in the CA file need not say so.
func (v *chainCheck) issuerAllows(cert, issuer *Certificate, leaf, anchor bool) {
	if !v.names.add(issuer) || leaf && !v.names.allow(cert) {
		v.blame(faultConstraints, cert)
	}
	if issuer.version == 1 && anchor {
		return
	}
	if !bytes.Equal(cert.Raw, issuer.Raw) {
		ca, pathLen, p := issuer.basicConstraints()
		if ca && pathLen >= 0 && pathLen < v.pathLen {
			v.pathLen = pathLen
		}
		if issuer.signature == nil || !ca && (p != absent || !anchor || !issued(issuer, issuer)) {
			v.blame(faultNotCA, issuer)
		}
	}
	if usage, _, p := issuer.keyUsage(); p == broken || p == present && usage&usageCertSign == 0 {
		v.blame(faultIssuerUsage, issuer)
	}
}

func (v *chainCheck) signed(cert, issuer *Certificate) {
	if cert.signature == nil {
		v.blame(faultUnreadableSignature, cert)
		return
	}
	switch checkSignature(cert.algorithm, cert.tbs, cert.signature, issuer.key) {
	case sigWrong:
		v.blame(faultSignature, cert)
	case sigUnreadable:
		v.blame(faultUnreadableSignature, cert)
	case sigUnchecked:
		v.blame(faultUncheckedSig, cert)
	}
}

// strength: weak signatures are refused on all but self-signed certificates, and
// in a session weak keys on both ends of the link.
func (v *chainCheck) strength(cert, issuer *Certificate) {
	alg, known := signatureByOID(cert.algorithm.oid)
	if !known {
		return
	}
	if alg.insecure && !issued(cert, cert) {
		v.blame(faultInsecure, cert)
	}
	if v.minBits == 0 {
		return
	}
	if !strongKey(cert.key, v.minBits) {
		v.blame(faultInsecure, cert)
	}
	if issuer != nil && !strongKey(issuer.key, v.minBits) {
		v.blame(faultInsecure, issuer)
	}
}

// strongKey: 80 bits are RSA of 1024 and EC of 160 (lib/algorithms/secparams.c).
func strongKey(key publicKey, minBits int) bool {
	if key.kind == keyRSA || key.kind == keyRSAPSS {
		return minBits <= 80 && key.bits >= 1024 || key.bits >= 2048
	}
	return key.kind != keyUnknown
}

// times uses GnuTLS's comparison: the last second counts as valid.
func (v *chainCheck) times(cert *Certificate, f fault) {
	if v.now.Before(cert.NotBefore) || v.now.Unix() > cert.NotAfter.Unix() {
		v.blame(f, cert)
	}
}
