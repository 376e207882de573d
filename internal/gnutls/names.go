package gnutls

// AlgorithmName returns the name of a key's or a signature's algorithm that GnuTLS may not be able
// to use, by its object identifier; the identifier itself if it has no name here. ML-DSA (RFC 9881)
// is in builds of GnuTLS with leancrypto alone, and in none of Debian's.
func AlgorithmName(oid string) string {
	switch oid {
	case "2.16.840.1.101.3.4.3.17":
		return "ML-DSA-44"
	case "2.16.840.1.101.3.4.3.18":
		return "ML-DSA-65"
	case "2.16.840.1.101.3.4.3.19":
		return "ML-DSA-87"
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
	if key.Kind == KeyUnknown {
		return AlgorithmName(key.oid)
	}
	return key.Describe()
}
