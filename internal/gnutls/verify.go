package gnutls

import (
	"bytes"
	"time"
)

// Fault is one objection of GnuTLS's chain verification (lib/x509/verify.c).
type Fault int

// The faults, in the order in which libvirt picks the one reason that it prints.
const (
	FaultInsecure    Fault = iota // signature or key too weak
	FaultNoIssuer                 // no CA of the issuer's name (and key id) is trusted
	FaultNotCA                    // the issuer is not a CA
	FaultIssuerUsage              // the issuer's keyUsage does not permit signing certificates
	FaultConstraints              // name constraints
	FaultPathLen                  // more CAs below one than it allows
	FaultSignature                // the signature is wrong
	FaultUnreadableSignature
	FaultCritical     // a critical extension that GnuTLS does not know
	FaultIssuerTimes  // the issuer is expired or not valid yet
	FaultTimes        // the certificate itself is
	FaultUncheckedSig // not a fault: a signature that this program could not verify
)

// ChainCheck verifies chains of certificates as GnuTLS does.
type ChainCheck struct {
	Trusted []*Certificate // the CAs
	Now     time.Time      // the time of the check
	// MinBits is the security level that signatures and keys must have; 0 means that any will
	// do. Sessions ask for 80 bits (profile LOW of the priority NORMAL), the check of one's own
	// files for none.
	MinBits int
	Library Library // the GnuTLS that verifies

	faults  map[Fault]*Certificate // with the certificate at fault
	pathLen int
	names   constraints
}

// maxDepth is GnuTLS's MAX_VERIFY_DEPTH.
const maxDepth = 4096

// Verify verifies a chain, leaf first, as _gnutls_verify_crt_status does. It returns
// each fault with the certificate at fault; [Refuses] tells whether they matter.
func (v *ChainCheck) Verify(chain []*Certificate) map[Fault]*Certificate {
	v.faults, v.pathLen, v.names = map[Fault]*Certificate{}, maxDepth, constraints{}
	if n := len(chain); n > 1 && Issued(chain[n-1], chain[n-1]) {
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
		if !Issued(chain[i-1], issuer) {
			issuer = nil
		}
		if !v.link(chain[i-1], issuer, i == 1, false) {
			break
		}
	}
	return v.faults
}

// cutAtTrusted drops the first certificate that is trusted itself and all that follow. A leaf
// counts as trusted by the same bytes, a CA by the same name and key.
func (v *ChainCheck) cutAtTrusted(chain []*Certificate) ([]*Certificate, bool) {
	for i, cert := range chain {
		for _, ca := range v.Trusted {
			same := bytes.Equal(cert.Raw, ca.Raw)
			if i > 0 {
				same = same || bytes.Equal(cert.Subject, ca.Subject) && bytes.Equal(cert.spki, ca.spki)
			}
			if !same {
				continue
			}
			v.times(ca, FaultIssuerTimes)
			if v.MinBits > 0 && !v.strongKey(ca.Key) {
				v.blame(FaultInsecure, ca)
			}
			return chain[:i], len(v.faults) == 0
		}
	}
	return chain, true
}

// Issued reports whether issuer may have issued cert: names are compared byte for
// byte, and key ids where both certificates have one.
func Issued(cert, issuer *Certificate) bool {
	if !bytes.Equal(cert.Issuer, issuer.Subject) {
		return false
	}
	aki, ski := cert.authorityKeyID(), issuer.subjectKeyID()
	return aki == nil || ski == nil || bytes.Equal(aki, ski)
}

// findIssuer returns the first certificate that fits, or a later one that is valid now.
func (v *ChainCheck) findIssuer(cert *Certificate) *Certificate {
	var found *Certificate
	for _, ca := range v.Trusted {
		if Issued(cert, ca) && (found == nil || v.Now.Before(ca.NotAfter) && !v.Now.Before(ca.NotBefore)) {
			found = ca
		}
	}
	return found
}

func (v *ChainCheck) blame(f Fault, cert *Certificate) {
	if v.faults[f] == nil {
		v.faults[f] = cert
	}
}

// Refuses reports whether GnuTLS refuses a chain with these faults.
// [FaultUncheckedSig] does not count.
func Refuses(faults map[Fault]*Certificate) bool {
	n := len(faults)
	if faults[FaultUncheckedSig] != nil {
		n--
	}
	return n > 0
}

// link verifies one certificate against its issuer; leaf says that cert is the end certificate,
// anchor that the issuer comes from the CA file.
func (v *ChainCheck) link(cert, issuer *Certificate, leaf, anchor bool) bool {
	if v.pathLen == 0 {
		v.blame(FaultPathLen, cert)
		return false
	}
	v.pathLen--
	if issuer == nil {
		v.blame(FaultNoIssuer, cert)
	} else {
		v.issuerAllows(cert, issuer, leaf, anchor)
		v.signed(cert, issuer)
		if issuer.UnknownCritical() != "" {
			v.blame(FaultCritical, issuer)
		}
	}
	if leaf && cert.UnknownCritical() != "" {
		v.blame(FaultCritical, cert)
	}
	v.strength(cert, issuer)
	if issuer != nil {
		v.times(issuer, FaultIssuerTimes)
	}
	v.times(cert, FaultTimes)
	return !Refuses(v.faults)
}

// issuerAllows checks the constraints, and whether the issuer is a CA. A self-signed CA of
// version 1 in the CA file need not say so.
func (v *ChainCheck) issuerAllows(cert, issuer *Certificate, leaf, anchor bool) {
	if !v.names.add(issuer) || leaf && !v.names.allow(cert) {
		v.blame(FaultConstraints, cert)
	}
	if issuer.version == 1 && anchor {
		return
	}
	if !bytes.Equal(cert.Raw, issuer.Raw) {
		ca, pathLen, p := issuer.BasicConstraints()
		if ca && pathLen >= 0 && pathLen < v.pathLen {
			v.pathLen = pathLen
		}
		if issuer.signature == nil || !ca && (p != Absent || !anchor || !Issued(issuer, issuer)) {
			v.blame(FaultNotCA, issuer)
		}
	}
	if usage, _, p := issuer.KeyUsage(); p == Broken || p == Present && usage&UsageCertSign == 0 {
		v.blame(FaultIssuerUsage, issuer)
	}
}

func (v *ChainCheck) signed(cert, issuer *Certificate) {
	if cert.signature == nil {
		v.blame(FaultUnreadableSignature, cert)
		return
	}
	switch v.Library.checkSignature(cert.algorithm, cert.tbs, cert.signature, issuer.Key) {
	case sigWrong:
		v.blame(FaultSignature, cert)
	case sigUnreadable:
		v.blame(FaultUnreadableSignature, cert)
	case sigUnchecked:
		v.blame(FaultUncheckedSig, cert)
	}
}

// strength checks signatures and keys. Weak signatures are refused on all but self-signed
// certificates; in a session, weak keys are refused on both ends of the link.
func (v *ChainCheck) strength(cert, issuer *Certificate) {
	alg, known := v.Library.signature(cert.algorithm.oid)
	if !known {
		return
	}
	if alg.insecure && !Issued(cert, cert) {
		v.blame(FaultInsecure, cert)
	}
	if v.MinBits == 0 {
		return
	}
	if !v.strongKey(cert.Key) {
		v.blame(FaultInsecure, cert)
	}
	if issuer != nil && !v.strongKey(issuer.Key) {
		v.blame(FaultInsecure, issuer)
	}
}

// strongKey compares with the level of 80 bits, which is RSA of 1024 and EC of 160
// (lib/algorithms/secparams.c).
func (v *ChainCheck) strongKey(key PublicKey) bool {
	if key.Kind == KeyRSA || key.Kind == KeyRSAPSS {
		return v.MinBits <= 80 && key.bits >= 1024 || key.bits >= 2048
	}
	return key.Kind != KeyUnknown && (v.Library.MLDSA() || !key.Kind.MLDSA())
}

// times uses GnuTLS's comparison: the last second counts as valid.
func (v *ChainCheck) times(cert *Certificate, f Fault) {
	if v.Now.Before(cert.NotBefore) || v.Now.Unix() > cert.NotAfter.Unix() {
		v.blame(f, cert)
	}
}
