package judge

import (
	"bytes"
	"errors"
	"slices"

	"virtpki/dn"
	"virtpki/internal/gnutls"
)

// session follows virNetTLSContextValidCertificate (libvirt) and
// qcrypto_tls_session_check_certificate (QEMU): GnuTLS verifies the chain, then the program checks
// the leaf.
func (r *run) session(peer Peer) {
	r.choosePair()
	chain := sentChain(r)
	if chain == nil {
		if r.set.Role == Client {
			r.refuse("no-certificate", r.set.Cert.Path, r.reissue(), "there is no certificate to show")
		}
		return
	}
	leaf := chain[0]
	r.handshake(leaf)
	r.peerVerifies(chain, peer)
	file := r.set.Cert.Path
	r.checkTimes(leaf, file, "cert")
	r.checkSubject(leaf, peer)
	r.checkNames(leaf, peer)
	if r.rules.Product == "libvirt" {
		r.checkShape(leaf, file)
	}
	for _, c := range chain[1:] {
		r.checkTimes(c, file, "ca")
	}
}

// choosePair takes the first identity that exists: GnuTLS presents it if the other side has no
// preference.
func (r *run) choosePair() {
	for _, p := range r.pairs() {
		if !p.Cert.Absent() && !p.Key.Absent() {
			r.set.Cert, r.set.Key = p.Cert, p.Key
			return
		}
	}
}

// sentChain returns the certificates of a file that GnuTLS sends: the leaf and its issuers, in
// order, up to a self-signed certificate. It returns nil if there is no pair.
func sentChain(r *run) []*gnutls.Certificate {
	if r.set.Cert.Absent() || r.set.Key.Absent() {
		return nil
	}
	certs, err := gnutls.ReadCertificates(r.set.Cert.Data, maxChain)
	if err != nil {
		return nil
	}
	return gnutls.SortChain(certs)
}

// handshake checks whether TLS can use the key. GnuTLS reads keyUsage even if it is not critical.
// An extension without any bit counts as absent.
func (r *run) handshake(leaf *gnutls.Certificate) {
	if !leaf.Key.SignsTLS() {
		r.refuse("key-not-for-tls", r.set.Cert.Path, r.reissue(), "its key (%s) cannot sign a TLS handshake", leaf.Key.Describe())
		return
	}
	if leaf.Key.Kind.MLDSA() {
		r.say(Finding{ID: "key-type-new", Level: Note, File: r.set.Cert.Path}, "has a key %s: only peers with GnuTLS 3.8.10 or later, built with leancrypto, accept it", leaf.Key.Describe())
	}
	usage, _, p := leaf.KeyUsage()
	if p != gnutls.Present || usage == 0 && !leaf.DecipherOnly() || usage&gnutls.UsageDigitalSignature != 0 {
		return
	}
	if leaf.Key.Kind == gnutls.KeyRSA && usage&gnutls.UsageKeyEncipherment != 0 && r.set.Role == Server {
		r.say(Finding{ID: "cert-usage-old-tls", Level: Warning, File: r.set.Cert.Path, Fix: r.reissue()}, "its key usage permits only key encipherment, so only TLS 1.2 with static RSA works")
		return
	}
	r.refuse("cert-usage-handshake", r.set.Cert.Path, r.reissue(), "its key usage does not permit digital signatures, so GnuTLS cannot use it in a handshake")
}

// sessionBits is the security that the priority NORMAL requires of certificates (profile LOW).
const sessionBits = 80

// peerVerifies repeats gnutls_certificate_verify_peers2: it verifies the chain against all CAs of
// the peer's file, then against its CRLs.
func (r *run) peerVerifies(chain []*gnutls.Certificate, peer Peer) {
	ca, crl := r.set.CA, r.set.CRL
	if peer.CA != nil {
		ca = *peer.CA
	}
	if peer.CRL != nil {
		crl = *peer.CRL
	}
	chain, faults := r.met.of(r, chain, ca.Data)
	r.chainFaults(faults, r.set.Cert, r.refuse, func(c *gnutls.Certificate, f File) {
		r.refuse("session-issuer-missing", f.Path, "add that CA to the other side's cacert.pem, or send the chain", "its issuer %s is not in the other side's CA file", nameText(c.Issuer))
	})
	if f := faults[gnutls.FaultIssuerTimes]; f != nil {
		r.refuse("ca-expired", ca.Path, "virtpki ca rollover start", "%s is not valid now (from %s to %s)", certificateText(f, "ca"), day(f.NotBefore), day(f.NotAfter))
	}
	if gnutls.Refuses(faults) {
		return
	}
	r.checkRevoked(chain, crl)
}

// verified remembers how a chain was verified: its signatures cost the most of a judgement, and no
// rules change the outcome.
type verified struct {
	sent, trusted []byte // the files, of the certificate and of the CAs
	chain         []*gnutls.Certificate
	faults        map[gnutls.Fault]*gnutls.Certificate
}

// of verifies a chain against all CAs of a file, unless it did so before. The chain then ends with
// its first trusted certificate.
func (v *verified) of(r *run, chain []*gnutls.Certificate, cas []byte) ([]*gnutls.Certificate, map[gnutls.Fault]*gnutls.Certificate) {
	if v.chain != nil && bytes.Equal(v.sent, r.set.Cert.Data) && bytes.Equal(v.trusted, cas) {
		return v.chain, v.faults
	}
	trusted, err := gnutls.ReadCertificates(cas, 0)
	if err != nil {
		trusted = nil
	}
	check := gnutls.ChainCheck{Now: r.now, MinBits: sessionBits, Library: r.set.GnuTLS}
	chain = gnutls.Shorten(chain, trusted)
	*v = verified{r.set.Cert.Data, cas, chain, check.VerifyPeer(chain, trusted)}
	return v.chain, v.faults
}

func (r *run) checkRevoked(chain []*gnutls.Certificate, crl File) {
	serverReads := r.set.Role == Client // a server's CRL applies to clients, a client's to servers
	if crl.Err != nil || !serverReads && !r.rules.ClientReadsCRL {
		return
	}
	crls, err := gnutls.ReadCRLs(crl.Data)
	if err != nil {
		return
	}
	kept, _ := gnutls.Effective(crls)
	for _, c := range chain {
		if gnutls.RevokedBy(kept, c) != nil {
			r.refuse("cert-revoked", r.set.Cert.Path, r.reissue(), "the certificate %s is revoked by %s", nameText(c.Subject), crl.Path)
		}
	}
}

// checkSubject: libvirt refuses a subject that GnuTLS cannot write as text, with or without a list.
func (r *run) checkSubject(leaf *gnutls.Certificate, peer Peer) {
	file := r.set.Cert.Path
	text, err := r.rules.Names.FromRDNSequence(leaf.Subject)
	var refused *dn.RefusedError
	switch {
	case errors.As(err, &refused) && refused.Reason == dn.ReasonEmpty:
		r.refuse("subject-empty", file, r.reissue(), "its subject is empty")
		return
	case err != nil:
		r.refuse("subject-unreadable", file, r.reissue(), "GnuTLS has no text for its subject (%s)", err)
		return
	case r.rules.MaxDN > 0 && len(text) > r.rules.MaxDN:
		r.refuse("subject-long", file, r.reissue(), "the text of its subject has %d bytes (at most %d)", len(text), r.rules.MaxDN)
		return
	}
	if r.set.Role != Client || peer.DNList == nil {
		return
	}
	if _, ok := dn.Compile(peer.DNList, r.rules.Matcher).Match(text); !ok {
		r.refuse("dn-refused", file, "check the list with virtpki dn lint; the entry for this client is "+quoted(text),
			"its subject %s is not on tls_allowed_dn_list", quoted(text))
	}
}

func quoted(text string) string { return `"` + text + `"` }

// checkNames compares a server's certificate with the names that clients use.
func (r *run) checkNames(leaf *gnutls.Certificate, peer Peer) {
	if r.set.Role != Server {
		return
	}
	for _, name := range slices.Compact(slices.Clone(peer.Names)) {
		if ok, why := gnutls.MatchHost(leaf, name); !ok {
			r.refuse("name-mismatch", r.set.Cert.Path, "virtpki renew"+asSANs([]string{name}), "does not cover the name %q (%s)", name, why)
		}
	}
}
