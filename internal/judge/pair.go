package judge

import (
	"bytes"

	"virtpki/dn"
	"virtpki/internal/gnutls"
)

// nameText returns a name as libvirt prints it, in quotes, or a substitute if there is none.
func nameText(der []byte) string {
	text, err := dn.GnuTLS38.FromRDNSequence(der)
	if err != nil || text == "" {
		return "(no name)"
	}
	return `"` + text + `"`
}

// checkPair verifies the program's own certificate against the CA file. It ignores the other
// certificates in the certificate's file, except for QEMU since 10.2.
func (r *run) checkPair(leaf *gnutls.Certificate, file File) {
	chain := []*gnutls.Certificate{leaf}
	if r.rules.WholeChain {
		chain, _ = gnutls.ReadCertificates(gnutls.UntilNUL(file.Data), 0)
	}
	v := gnutls.ChainCheck{Trusted: r.cas, Now: r.now, Library: r.set.GnuTLS}
	r.chainFaults(v.Verify(chain), file, r.refuse, r.explainNoIssuer)
}

type refusal func(id, file, fix, format string, args ...any)

// chainFaults reports each fault of a verification. The check of the certificate itself reports
// times.
func (r *run) chainFaults(faults map[gnutls.Fault]*gnutls.Certificate, f File, refuse refusal, noIssuer func(*gnutls.Certificate, File)) {
	file := f.Path
	at := func(f gnutls.Fault) string { return nameText(faults[f].Subject) }
	if c := faults[gnutls.FaultInsecure]; c != nil {
		if name, insecure := c.InsecureSignature(); insecure {
			refuse("signature-insecure", file, r.reissue(), "the certificate %s is signed by %s, which GnuTLS does not trust", at(gnutls.FaultInsecure), name)
		} else {
			refuse("key-weak", file, r.reissue(), "the key of %s (%s) is too weak", at(gnutls.FaultInsecure), c.Key.Describe())
		}
	}
	if faults[gnutls.FaultNoIssuer] != nil {
		noIssuer(faults[gnutls.FaultNoIssuer], f)
	}
	if faults[gnutls.FaultNotCA] != nil {
		refuse("issuer-not-ca", file, r.reissue(), "its issuer %s is not a CA", at(gnutls.FaultNotCA))
	}
	if faults[gnutls.FaultIssuerUsage] != nil {
		refuse("issuer-usage", file, fixCA, "the key usage of its issuer %s does not permit signing certificates", at(gnutls.FaultIssuerUsage))
	}
	if faults[gnutls.FaultConstraints] != nil {
		refuse("name-constraints", file, "issue it again with names that the CA permits (virtpki ca show lists them)", "its CA may not certify its names")
	}
	if faults[gnutls.FaultPathLen] != nil {
		refuse("path-length", file, r.reissue(), "a CA above it does not allow so many CAs below itself")
	}
	r.signatureFaults(faults, file, refuse)
}

// signatureFaults reports the faults of the signature, and of parts that GnuTLS cannot check.
func (r *run) signatureFaults(faults map[gnutls.Fault]*gnutls.Certificate, file string, refuse refusal) {
	at := func(f gnutls.Fault) string { return nameText(faults[f].Subject) }
	if faults[gnutls.FaultSignature] != nil {
		refuse("signature-wrong", file, r.reissue(), "the signature on %s does not come from the CA that it names", at(gnutls.FaultSignature))
	}
	if c := faults[gnutls.FaultUnreadableSignature]; c != nil {
		refuse("signature-unknown", file, r.reissue(), "the signature on %s (%s) cannot be checked by %s", at(gnutls.FaultUnreadableSignature), c.SignatureName(), r.set.GnuTLS)
	}
	if c := faults[gnutls.FaultCritical]; c != nil {
		refuse("extension-unknown", file, r.reissue(), "the certificate %s has a critical extension (%s) that GnuTLS does not know", at(gnutls.FaultCritical), c.UnknownCritical())
	}
	if c := faults[gnutls.FaultUncheckedSig]; c != nil {
		r.say(Finding{ID: "signature-unchecked", Level: Note, File: file}, "the signature on %s (%s) could not be verified here, GnuTLS will", at(gnutls.FaultUncheckedSig), c.SignatureName())
	}
}

// explainNoIssuer finds the reason why GnuTLS found no issuer.
func (r *run) explainNoIssuer(cert *gnutls.Certificate, file File) {
	all, _ := gnutls.ReadCertificates(r.set.CA.Data, 0)
	chain, _ := gnutls.ReadCertificates(file.Data, maxChain)
	issuer := nameText(cert.Issuer)
	switch {
	case issuerAmong(cert, all) != nil:
		r.refuse("issuer-too-late", r.set.CA.Path, "put the CA in use first", "the CA %s comes after the first %d, and %s reads only those", issuer, r.rules.MaxCAs, readerOf(r))
	case len(chain) > 1 && issuerAmong(cert, chain[1:]) != nil:
		r.refuse("issuer-in-cert-file", file.Path, "append the intermediate to "+r.set.CA.Path, "its issuer %s comes after it in the same file, where %s does not look for CAs", issuer, readerOf(r))
	case sameName(cert, all):
		r.refuse("issuer-other-key", r.set.CA.Path, "the CA was replaced under its old name: issue the certificate again, or restore the CA's former certificate",
			"has a CA named %s, but another key signed the certificate", issuer)
	default:
		r.refuse("issuer-missing", file.Path, "add that CA to "+r.set.CA.Path+", or issue the certificate from one that is there", "its issuer %s is not in the CA file", issuer)
	}
}

func issuerAmong(cert *gnutls.Certificate, list []*gnutls.Certificate) *gnutls.Certificate {
	for _, c := range list {
		if gnutls.Issued(cert, c) {
			return c
		}
	}
	return nil
}

func sameName(cert *gnutls.Certificate, list []*gnutls.Certificate) bool {
	for _, c := range list {
		if bytes.Equal(cert.Issuer, c.Subject) {
			return true
		}
	}
	return false
}

// checkAuthorities repeats QEMU's check since 10.2 (qcrypto_tls_creds_check_authority_chain): the
// certificates of the file in order, then up through the CA file to a self-signed one. Each has to
// pass the check of a CA.
func (r *run) checkAuthorities(leaf *gnutls.Certificate) {
	chain := chainOf(r, leaf)
	for i, c := range chain[1:] {
		if !gnutls.Issued(chain[i], c) {
			r.refuse("chain-order", leafFile(r, leaf), "put each certificate before that of its issuer", "the certificate %s does not follow the one that it issued", nameText(c.Subject))
			return
		}
		r.checkCA(c, leafFile(r, leaf))
	}
	cert := chain[len(chain)-1]
	for seen := map[*gnutls.Certificate]bool{}; !seen[cert]; { // QEMU would loop for ever
		seen[cert] = true
		if gnutls.Issued(cert, cert) {
			r.checkCA(cert, r.set.CA.Path)
			return
		}
		issuer := issuerAmong(cert, r.cas)
		if issuer == nil {
			break
		}
		r.checkCA(issuer, r.set.CA.Path)
		cert = issuer
	}
	r.refuse("root-missing", r.set.CA.Path, "append the CA's own issuers, up to the self-signed one", "lacks %s, a CA above the certificate; QEMU needs the chain up to a self-signed CA", nameText(cert.Issuer))
}

// chainOf finds the certificates that accompany a leaf.
func chainOf(r *run, leaf *gnutls.Certificate) []*gnutls.Certificate {
	for _, p := range r.pairs() {
		chain, err := gnutls.ReadCertificates(gnutls.UntilNUL(p.Cert.Data), 0)
		if err == nil && bytes.Equal(chain[0].Raw, leaf.Raw) {
			return chain
		}
	}
	return []*gnutls.Certificate{leaf}
}

func leafFile(r *run, leaf *gnutls.Certificate) string {
	for _, p := range r.pairs() {
		if c, err := gnutls.ReadCertificate(gnutls.UntilNUL(p.Cert.Data)); err == nil && bytes.Equal(c.Raw, leaf.Raw) {
			return p.Cert.Path
		}
	}
	return r.set.Cert.Path
}
