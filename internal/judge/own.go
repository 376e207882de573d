package judge

import (
	"errors"
	"io/fs"

	"virtpki/internal/gnutls"
)

// ownFiles follows virNetTLSContextNew (libvirt, src/rpc/virnettlscontext.c) and
// qcrypto_tls_creds_x509_load (QEMU, crypto/tlscredsx509.c): first the sanity
// checks of certificate and CA file, then GnuTLS loads CA file, CRL, pair.
func (r *run) ownFiles() {
	if r.rules.HalfPairRefused {
		r.allThere()
	}
	pairs := r.pairs()
	leaves := make([]*gnutls.Certificate, len(pairs))
	for i, p := range pairs {
		leaves[i] = r.openLeaf(p.Cert)
	}
	caOK := r.openCAs()
	for i, p := range pairs {
		if leaves[i] != nil {
			r.checkLeaf(leaves[i], p.Cert.Path)
		}
	}
	if caOK {
		r.checkCAs(leaves)
		for i, p := range pairs {
			if leaves[i] != nil {
				r.checkPair(leaves[i], p.Cert)
			}
		}
	}
	r.loadCAs(caOK)
	if r.rules.Product == "libvirt" {
		r.loadCRL()
	}
	for i, p := range pairs {
		r.loadPair(p, leaves[i])
	}
	if r.rules.Product == "qemu" {
		r.loadCRL()
	}
}

// allThere makes the check with which libvirt 11.10 and newer begin.
func (r *run) allThere() {
	if r.set.CA.Absent() {
		r.caMissing()
	}
	for _, p := range r.pairs() {
		r.pairThere(p)
	}
}

func (r *run) caMissing() {
	r.refuse("ca-missing", r.set.CA.Path, "copy cacert.pem from the CA's host; virtpki bootstrap makes a CA where there is none", "is not there")
}

// caFile makes the checks that need no certificate.
func (r *run) caFile() {
	if r.set.CA.Absent() && r.rules.HalfPairRefused {
		r.caMissing()
	}
	ok := r.openCAs()
	if ok {
		r.checkCAs(nil)
	}
	r.loadCAs(ok)
	r.loadCRL()
}

// pairs are the identities that the release loads: the plain one, and the
// numbered ones up to the first gap.
func (r *run) pairs() []Identity {
	plain := Identity{r.set.Cert, r.set.Key}
	if !r.rules.Identities {
		return []Identity{plain}
	}
	var pairs []Identity
	for _, more := range r.set.More {
		if more.Cert.Absent() && more.Key.Absent() {
			break
		}
		pairs = append(pairs, more)
	}
	if plain.Cert.Absent() && plain.Key.Absent() && len(pairs) > 0 {
		return pairs
	}
	return append([]Identity{plain}, pairs...)
}

// openLeaf reads the program's own certificate: the first block, of a file of at most 64 KiB in
// libvirt. It ignores a missing file for now.
func (r *run) openLeaf(f File) *gnutls.Certificate {
	if f.Absent() || !r.readable(f, "cert") || !r.sized(f, "cert") {
		return nil
	}
	leaf, err := gnutls.ReadCertificate(gnutls.UntilNUL(f.Data))
	if r.rules.WholeChain {
		_, err = gnutls.ReadCertificates(gnutls.UntilNUL(f.Data), 0)
	}
	if err == nil {
		return leaf
	}
	if errors.Is(err, gnutls.ErrNoBlock) {
		r.refuse("cert-not-pem", f.Path, fixBytes, "does not contain a CERTIFICATE block (%s)", gnutls.LooksLike(f.Data))
	} else {
		r.refuse("cert-broken", f.Path, fixBytes, "contains a CERTIFICATE block that GnuTLS cannot read")
	}
	return nil
}

func (r *run) readable(f File, kind string) bool {
	if f.Err == nil {
		return true
	}
	r.refuse(kind+"-unreadable", f.Path, "see the path's owner and mode", "cannot be read (%s)", reason(f.Err))
	return false
}

// reason returns the text of an error without the path, which the finding has.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

func (r *run) sized(f File, kind string) bool {
	if r.rules.MaxBytes == 0 || len(f.Data) <= r.rules.MaxBytes {
		return true
	}
	r.refuse(kind+"-too-large", f.Path, "remove the parts that do not belong in it", "has %d bytes, and libvirt reads at most %d", len(f.Data), r.rules.MaxBytes)
	return false
}

// openCAs reads the CA file as the sanity check does.
func (r *run) openCAs() bool {
	f := r.set.CA
	if f.Absent() || !r.readable(f, "ca") || !r.sized(f, "ca") {
		return false
	}
	cas, err := gnutls.ReadCertificates(gnutls.UntilNUL(f.Data), r.rules.MaxCAs)
	r.cas = cas
	switch {
	case err == nil:
		return true
	case errors.Is(err, gnutls.ErrNoBlock):
		r.refuse("ca-not-pem", f.Path, fixCA, "does not contain a CERTIFICATE block (%s)", gnutls.LooksLike(f.Data))
	default:
		r.refuse("ca-broken", f.Path, fixCA, "has a CERTIFICATE block, number %d, that GnuTLS cannot read", len(cas)+1)
	}
	return false
}

// loadCAs reads the CA file as GnuTLS's loader does: all of it. opened reports that the sanity
// check has accepted the file.
func (r *run) loadCAs(opened bool) {
	if r.set.CA.Absent() && !r.rules.HalfPairRefused {
		r.caMissing()
	}
	if !opened {
		return
	}
	all, err := gnutls.ReadCertificates(r.set.CA.Data, 0)
	if err != nil {
		r.refuse("ca-broken", r.set.CA.Path, fixCA, "has a CERTIFICATE block, number %d, that GnuTLS cannot read", len(all)+1)
		return
	}
	if r.rules.MaxCAs > 0 && len(all) > r.rules.MaxCAs {
		r.say(Finding{ID: "ca-too-many", Level: Warning, File: r.set.CA.Path, Fix: "put the CAs in use first, or remove the others"}, "contains %d CAs, but only the first %d count when %s checks its own certificate", len(all), r.rules.MaxCAs, readerOf(r))
	}
}

// checkCAs checks each CA of the file as it checks a leaf. QEMU 10.2 checks only those above its
// own certificate.
func (r *run) checkCAs(leaves []*gnutls.Certificate) {
	if r.rules.WholeChain {
		for _, leaf := range leaves {
			if leaf != nil {
				r.checkAuthorities(leaf)
			}
		}
		return
	}
	for _, ca := range r.cas {
		r.checkCA(ca, r.set.CA.Path)
	}
}

// loadPair reads certificate and key as GnuTLS's loader does.
func (r *run) loadPair(p Identity, leaf *gnutls.Certificate) {
	if r.rules.HalfPairRefused && (p.Cert.Absent() || p.Key.Absent()) {
		return // reported already
	}
	if !r.pairThere(p) || p.Cert.Err != nil || !r.readable(p.Key, "key") {
		return
	}
	chain, err := gnutls.ReadCertificates(p.Cert.Data, maxChain)
	if err != nil {
		if leaf != nil {
			r.refuse("cert-broken", p.Cert.Path, fixBytes, "has a CERTIFICATE block, number %d, that GnuTLS cannot read", len(chain)+1)
		}
		return
	}
	keyData := p.Key.Data
	if r.rules.WholeChain { // the key is read as text as well
		keyData = gnutls.UntilNUL(keyData)
	}
	key, err := r.set.GnuTLS.ReadPrivateKey(keyData)
	switch {
	case errors.Is(err, gnutls.ErrKeyEncrypted) && r.rules.Product == "qemu" && r.set.Secret:
	case errors.Is(err, gnutls.ErrKeyEncrypted) && r.rules.Product == "qemu":
		r.refuse("key-encrypted", p.Key.Path, fixEncrypted+", or name the secret that holds it in qemu.conf", "is encrypted, and QEMU does not have the passphrase")
	case errors.Is(err, gnutls.ErrKeyEncrypted):
		r.refuse("key-encrypted", p.Key.Path, fixEncrypted, "is encrypted, and libvirt cannot ask for a passphrase")
	case err != nil && r.set.GnuTLS.Loads(chain[0].Key):
		r.refuse("key-broken", p.Key.Path, fixBytes, "does not contain a private key that GnuTLS reads (%s)", gnutls.LooksLike(p.Key.Data))
	default:
		r.matchPair(p, chain[0], key)
	}
}

const fixEncrypted = "remove its passphrase (openssl pkey -in KEY -out NEW)"

// maxChain is the number of certificates that GnuTLS loads from a pair's file.
const maxChain = 16

// pairThere reports whether a pair is complete, and adds findings on its missing parts. A client
// without a pair goes on.
func (r *run) pairThere(p Identity) bool {
	noCert, noKey := p.Cert.Absent(), p.Key.Absent()
	switch {
	case !noCert && !noKey:
		return true
	case r.set.Role == Server && noCert:
		r.refuse("cert-missing", p.Cert.Path, r.reissue(), "is not there")
	case r.set.Role == Server:
		r.refuse("key-missing", p.Key.Path, r.reissue(), "is not there")
	case noCert && noKey:
		r.say(Finding{ID: "pair-missing", Level: Note, File: p.Cert.Path, Fix: r.reissue()}, "is missing, and so is its key: %s connects without them, and most servers refuse it", readerOf(r))
	case r.rules.HalfPairRefused:
		r.refuse("pair-half", missingHalf(p), r.reissue(), "is missing, and its other half is there")
	default:
		r.say(Finding{ID: "pair-half", Level: Warning, File: missingHalf(p), Fix: r.reissue()}, "is missing, and its other half is there: %s connects without both, and most servers refuse it", readerOf(r))
	}
	return false
}

func missingHalf(p Identity) string {
	if p.Cert.Absent() {
		return p.Cert.Path
	}
	return p.Key.Path
}

func (r *run) matchPair(p Identity, leaf *gnutls.Certificate, key gnutls.PrivateKey) {
	if why := r.set.GnuTLS.Refuses(leaf.Key); why != "" {
		r.refuse("key-type-unknown", p.Cert.Path, r.reissue(), "has a key %s", why)
		return
	}
	same, unknown := key.Matches(leaf.Key)
	switch {
	case key.Damaged && (leaf.Key.Kind == gnutls.KeyRSA || leaf.Key.Kind == gnutls.KeyRSAPSS):
		r.say(Finding{ID: "key-mismatch-unseen", Level: Warning, File: p.Key.Path, Fix: r.reissue()}, "is damaged: its numbers do not fit together; GnuTLS does not notice, and every handshake fails")
	case unknown:
		r.say(Finding{ID: "key-unchecked", Level: Note, File: p.Key.Path}, "is of a type (%s) that this program cannot compare with the certificate", leaf.Key.Kind)
	case !same && key.Kind == leaf.Key.Kind && key.Kind == gnutls.KeyEd25519:
		r.say(Finding{ID: "key-mismatch-unseen", Level: Warning, File: p.Key.Path, Fix: r.reissue()}, "does not belong to the certificate; GnuTLS does not notice with Ed25519 keys, and every handshake fails")
	case !same:
		r.refuse("key-mismatch", p.Key.Path, r.reissue(), "does not belong to the certificate %s", p.Cert.Path)
	}
}
