package gnutls

// AlgorithmName returns the name of a key's or a signature's algorithm that GnuTLS may not be able
// to use, by its object identifier; the identifier itself if it has no name here. See [Library] for
// ML-DSA.
func AlgorithmName(oid string) string {
	if kind := kindOfMLDSA(oid); kind != KeyUnknown {
		return string(kind)
	}
	return oid
}

// KeyAlgorithm returns the algorithm of the key in a subjectPublicKeyInfo, in the words of
// [PublicKey.Describe]; empty if it cannot be read.
func KeyAlgorithm(spki []byte) string {
	key, ok := readPublicKey(spki)
	if !ok {
		return ""
	}
	if key.Kind == KeyUnknown || key.Kind.MLDSA() {
		return AlgorithmName(key.oid)
	}
	return key.Describe()
}
