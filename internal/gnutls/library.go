package gnutls

import (
	"bytes"
	"strconv"
	"strings"
)

// Library is one build of GnuTLS. The zero value is one that is not known: it counts as a build
// without ML-DSA, as those of Debian 11 to 14 are.
type Library struct {
	Version    string // "3.8.13"; empty if it is not known
	leancrypto bool   // it is linked with leancrypto
}

// The library's own file has its version as a string (VERSION of config.h, which
// gnutls_check_version compares), and among its strings the names of the libraries that the loader
// has to bring (DT_NEEDED).
const (
	versionPrefix  = "\x003."
	maxVersion     = 12 // bytes, as in "3.10.101"
	leancryptoFile = "\x00libleancrypto.so."
)

// ReadLibrary reads the file of the shared library, libgnutls.so.30. Without exactly one version in
// it, the result is the zero value.
func ReadLibrary(data []byte) Library {
	l := Library{leancrypto: bytes.Contains(data, []byte(leancryptoFile))}
	for rest := data; ; {
		at := bytes.Index(rest, []byte(versionPrefix))
		if at < 0 {
			break
		}
		rest = rest[at+1:]
		text, _, ended := bytes.Cut(rest[:min(len(rest), maxVersion)], []byte{0})
		if _, _, ok := release(string(text)); !ok || !ended || string(text) == l.Version {
			continue
		}
		if l.Version != "" {
			return Library{}
		}
		l.Version = string(text)
	}
	if l.Version == "" {
		return Library{}
	}
	return l
}

// release reads the second and the third number of a version, such as 8 and 13 of 3.8.13.
func release(version string) (minor, micro int, ok bool) {
	numbers := strings.Split(version, ".")
	if len(numbers) != 3 || numbers[0] != "3" {
		return 0, 0, false
	}
	for i, text := range numbers[1:] {
		n, err := strconv.ParseUint(text, 10, 8)
		if err != nil || strconv.FormatUint(n, 10) != text {
			return 0, 0, false
		}
		*[]*int{&minor, &micro}[i] = int(n)
	}
	return minor, micro, true
}

// MLDSA reports whether the library reads, makes and verifies signatures of ML-DSA (RFC 9881), in
// certificates and in handshakes: from 3.8.10 on (NEWS), and only if it is built with leancrypto
// (lib/nettle/pk.c). 3.8.9 read an earlier form of the keys, and had no handshakes.
func (l Library) MLDSA() bool { return l.leancrypto && l.sinceMLDSA() }

func (l Library) sinceMLDSA() bool {
	minor, micro, ok := release(l.Version)
	return ok && (minor > 8 || minor == 8 && micro >= 10)
}

// String names the library: "GnuTLS 3.7.9", "GnuTLS 3.8.13 without leancrypto"; "GnuTLS" if it is
// not known.
func (l Library) String() string {
	text := "GnuTLS"
	if l.Version != "" {
		text += " " + l.Version
	}
	if l.sinceMLDSA() && !l.leancrypto {
		text += " without leancrypto"
	}
	return text
}

// Loads reports whether the library can use a certificate's key beside a private one. It reads
// certificates with keys that it cannot use.
func (l Library) Loads(k PublicKey) bool { return k.loads() && (l.MLDSA() || !k.Kind.MLDSA()) }

// Refuses returns the reason why the library cannot use a key: "of the type ML-DSA-44, which GnuTLS
// 3.7.9 cannot use"; empty if it can.
func (l Library) Refuses(k PublicKey) string {
	switch {
	case l.Loads(k):
		return ""
	case k.Kind.MLDSA():
		return k.Describe() + ", which " + l.String() + " cannot use"
	}
	return k.Describe() + ", which GnuTLS cannot use"
}

// ReadPrivateKey is the function of that name, for this library.
func (l Library) ReadPrivateKey(data []byte) (PrivateKey, error) {
	key, err := ReadPrivateKey(data)
	if err == nil && key.Kind.MLDSA() && !l.MLDSA() {
		return PrivateKey{}, errKeyUnknown
	}
	return key, err
}
