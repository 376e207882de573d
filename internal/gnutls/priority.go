package gnutls

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The words of a priority string (GnuTLS, lib/priority.c and lib/priority_options.gperf; the names
// as gnutls-cli --list of 3.7.1 to 3.8.13 prints them). A word is included if any of these releases
// knows it.
var (
	priorityLevels = split("NORMAL PFS PERFORMANCE SECURE128 SECURE192 SECURE256 SUITEB128 SUITEB192 LEGACY SECURE")

	priorityOptions = split(`COMPAT NO_EXTENSIONS NO_STATUS_REQUEST NO_TICKETS NO_TICKETS_TLS12 NO_ETM FORCE_ETM NO_SESSION_HASH
		FORCE_SESSION_HASH NO_SHUFFLE_EXTENSIONS STATELESS_COMPRESSION VERIFY_ALLOW_BROKEN VERIFY_ALLOW_SIGN_RSA_MD5
		VERIFY_ALLOW_SIGN_WITH_SHA1 VERIFY_DISABLE_CRL_CHECKS VERIFY_ALLOW_X509_V1_CA_CRT SSL3_RECORD_VERSION
		LATEST_RECORD_VERSION DUMBFW FALLBACK_SCSV DISABLE_TLS13_COMPAT_MODE ALLOW_SMALL_RECORDS DISABLE_WILDCARDS
		UNSAFE_RENEGOTIATION SAFE_RENEGOTIATION PARTIAL_RENEGOTIATION DISABLE_SAFE_RENEGOTIATION SERVER_PRECEDENCE
		PROFILE_VERY_WEAK PROFILE_LOW PROFILE_LEGACY PROFILE_MEDIUM PROFILE_HIGH PROFILE_ULTRA PROFILE_FUTURE
		PROFILE_SUITEB128 PROFILE_SUITEB192`)

	priorityCiphers = split(`AES-128-CBC AES-192-CBC AES-256-CBC AES-128-GCM AES-192-GCM AES-256-GCM AES-128-CCM AES-256-CCM AES-128-CCM-8
		AES-256-CCM-8 ARCFOUR-128 ESTREAM-SALSA20-256 SALSA20-256 CHACHA20-32 CHACHA20-64 CAMELLIA-128-CBC CAMELLIA-192-CBC
		CAMELLIA-256-CBC CAMELLIA-128-GCM CAMELLIA-256-GCM CHACHA20-POLY1305 GOST28147-TC26Z-CFB GOST28147-CPA-CFB
		GOST28147-CPB-CFB GOST28147-CPC-CFB GOST28147-CPD-CFB GOST28147-TC26Z-CNT MAGMA-CTR-ACPKM KUZNYECHIK-CTR-ACPKM
		AES-128-CFB8 AES-192-CFB8 AES-256-CFB8 AES-128-CFB AES-192-CFB AES-256-CFB AES-128-XTS AES-256-XTS AES-128-SIV
		AES-256-SIV AES-128-SIV-GCM AES-256-SIV-GCM 3DES-CBC DES-CBC RC2-40 NULL CIPHER-ALL CIPHER-GOST-ALL`)

	priorityMACs = split(`SHA1 SHA256 SHA384 SHA512 SHA224 UMAC-96 UMAC-128 AEAD MD5 GOSTR341194 STREEBOG-256 STREEBOG-512 AES-CMAC-128
		AES-CMAC-256 AES-GMAC-128 AES-GMAC-192 AES-GMAC-256 GOST28147-TC26Z-IMIT OMAC-MAGMA OMAC-KUZNYECHIK PBMAC1 MAC-NULL
		MAC-ALL MAC-GOST-ALL`)

	priorityVersions = split(`VERS-TLS1.0 VERS-TLS1.1 VERS-TLS1.2 VERS-TLS1.3 VERS-SSL3.0 VERS-DTLS0.9 VERS-DTLS1.0 VERS-DTLS1.2 VERS-ALL
		VERS-TLS-ALL VERS-DTLS-ALL`)

	priorityRest = split(`RSA DHE-RSA DHE-DSS ECDHE-RSA ECDHE-ECDSA PSK RSA-PSK DHE-PSK ECDHE-PSK SRP SRP-RSA SRP-DSS ANON-DH ANON-ECDH
		VKO-GOST-12 RSA-EXPORT KX-ALL KX-GOST-ALL CTYPE-ALL CTYPE-CLI-ALL CTYPE-SRV-ALL CTYPE-X509 CTYPE-X.509 CTYPE-OPENPGP
		CTYPE-RAWPK CTYPE-CLI-X509 CTYPE-SRV-X509 CTYPE-CLI-RAWPK CTYPE-SRV-RAWPK GROUP-ALL GROUP-EC-ALL GROUP-DH-ALL
		GROUP-GOST-ALL CURVE-ALL SIGN-ALL SIGN-GOST-ALL`)

	priorityGroups = split(`SECP192R1 SECP224R1 SECP256R1 SECP384R1 SECP521R1 X25519 X448 GC256B GC512A FFDHE2048 FFDHE3072 FFDHE4096 FFDHE6144
		FFDHE8192 X25519-MLKEM768 SECP256R1-MLKEM768 X25519-KYBER768 SECP384R1-MLKEM1024`)

	prioritySigns = split(`RSA-SHA1 RSA-SHA224 RSA-SHA256 RSA-SHA384 RSA-SHA512 RSA-SHA3-224 RSA-SHA3-256 RSA-SHA3-384 RSA-SHA3-512 RSA-RMD160
		RSA-MD5 RSA-MD2 RSA-RAW RSA-PSS-SHA256 RSA-PSS-SHA384 RSA-PSS-SHA512 RSA-PSS-RSAE-SHA256 RSA-PSS-RSAE-SHA384
		RSA-PSS-RSAE-SHA512 EDDSA-ED25519 EDDSA-ED448 ECDSA-SHA1 ECDSA-SHA224 ECDSA-SHA256 ECDSA-SHA384 ECDSA-SHA512
		ECDSA-SECP256R1-SHA256 ECDSA-SECP384R1-SHA384 ECDSA-SECP521R1-SHA512 ECDSA-SHA3-224 ECDSA-SHA3-256 ECDSA-SHA3-384
		ECDSA-SHA3-512 DSA-SHA1 DSA-SHA224 DSA-SHA256 DSA-SHA384 DSA-SHA512 DSA-SHA3-224 DSA-SHA3-256 DSA-SHA3-384
		DSA-SHA3-512 GOSTR341012-512 GOSTR341012-256 GOSTR341001 ML-DSA-44 ML-DSA-65 ML-DSA-87 MLDSA44 MLDSA65 MLDSA87`)
)

func split(words string) []string { return strings.Fields(words) }

// CheckPriority returns the reason why GnuTLS refuses a priority string. It returns nil if GnuTLS
// accepts it, or if releases differ. It does not follow removals from the few suites of a SUITEB
// level, or the removal of AEAD alone from another level. system holds the names that the machine's
// own configuration gives to priorities, for strings like "@LIBVIRT,SYSTEM".
func CheckPriority(priority string, system []string) error {
	rest := strings.TrimLeft(priority, " \t\n\v\f\r")
	if named, ok := strings.CutPrefix(rest, "@"); ok {
		names, after, more := strings.Cut(named, ":")
		if !slices.ContainsFunc(strings.Split(names, ","), func(name string) bool { return slices.Contains(system, name) }) {
			return fmt.Errorf("this machine's GnuTLS configuration defines no priority named %q", names)
		}
		if !more {
			return nil
		}
		rest = "NORMAL:" + after
	}
	return readPriority(strings.FieldsFunc(rest, func(r rune) bool { return r == ':' }), rest)
}

// suites tells which parts that every session needs are still present.
type suites struct{ versions, ciphers, macs bool }

func readPriority(words []string, whole string) error {
	if len(words) == 0 || strings.HasSuffix(whole, ":") || strings.Contains(whole, "::") || strings.HasPrefix(whole, ":") {
		return fmt.Errorf("%q has an empty word", whole)
	}
	s := suites{}
	for i, word := range words {
		if err := s.read(word, i == 0); err != nil {
			return err
		}
	}
	if !strings.Contains(strings.ToUpper(whole), "SUITEB") && (!s.versions || !s.ciphers || !s.macs) {
		return fmt.Errorf("%q leaves no protocol version, no cipher or no MAC", whole)
	}
	return nil
}

// read interprets one word.
func (s *suites) read(word string, first bool) error {
	word = strings.TrimLeft(word, " ")
	if word == "" {
		return errors.New("a word is missing")
	}
	sign, name := word[0], strings.ToUpper(word[1:])
	switch {
	case strings.EqualFold(word, "NONE"):
		*s = suites{}
	case slices.Contains(priorityLevels, strings.ToUpper(word)), sign == '+' && slices.Contains(priorityLevels, name):
		*s = suites{s.versions || first, true, true} // a level sets the versions only as the first word
	case sign == '%' && slices.Contains(priorityOptions, word[1:]):
	case strings.IndexByte("+-!", sign) >= 0 && s.algorithm(name, sign == '+'):
	default:
		return fmt.Errorf("GnuTLS knows no %q", word)
	}
	return nil
}

// algorithm adds or removes an algorithm, and reports whether the name is known.
func (s *suites) algorithm(name string, add bool) bool {
	group, isGroup := strings.CutPrefix(name, "GROUP-")
	curve, isCurve := strings.CutPrefix(name, "CURVE-")
	sign, isSign := strings.CutPrefix(name, "SIGN-")
	all := strings.HasSuffix(name, "-ALL") && !strings.Contains(name, "GOST") && !strings.HasSuffix(name, "TLS-ALL")
	switch {
	case slices.Contains(priorityVersions, name):
		s.versions = s.versions && !all || add
	case slices.Contains(priorityCiphers, name):
		s.ciphers = s.ciphers && !all || add
	case slices.Contains(priorityMACs, name):
		s.macs = s.macs && !all || add
	case slices.Contains(priorityRest, name), strings.HasPrefix(name, "COMP-"):
	case isGroup && slices.Contains(priorityGroups, group), isCurve && slices.Contains(priorityGroups, curve), isSign && slices.Contains(prioritySigns, sign):
	default:
		return false
	}
	return true
}
