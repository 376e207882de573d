package gnutls

import (
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

// TestPriorityAgainstGnuTLS compares with gnutls-cli. On fixed strings both verdicts are equal. Of
// random strings, gnutls-cli refuses each one that CheckPriority refuses, and CheckPriority refuses
// every word that GnuTLS does not know. It does not follow the effect of many removals.
func TestPriorityAgainstGnuTLS(t *testing.T) {
	if _, err := exec.LookPath("gnutls-cli"); err != nil {
		t.Skip(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	fixed := fixedPriorities()
	refused, missed := 0, 0
	for i, priority := range append(fixed, randomPriorities(rand.New(rand.NewPCG(seed, 0)), 300)...) {
		out, runErr := exec.Command("gnutls-cli", "--list", "--priority", priority).CombinedOutput()
		said := CheckPriority(priority, nil)
		if runErr != nil {
			refused++
		}
		if said == nil && runErr != nil && i >= len(fixed) && strings.Contains(string(out), "insufficient priorities") {
			missed++
			continue
		}
		if (said != nil) != (runErr != nil) {
			t.Errorf("%q: judged %v, GnuTLS says %v: %s", priority, said, runErr, firstLine(out))
		}
	}
	if refused < 50 || missed > refused/5 {
		t.Errorf("%d refused by GnuTLS, %d of them missed", refused, missed)
	}
}

func firstLine(out []byte) string {
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

func fixedPriorities() []string {
	return []string{"NORMAL", "normal", "BOGUS", "NONE", "", ":", "NORMAL:", ":NORMAL", "NORMAL::+AES-128-CBC", "NORMAL:%COMPAT", "NORMAL:%compat",
		"NORMAL:-VERS-ALL", "NORMAL:-VERS-TLS-ALL", "NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-CIPHER-ALL", "NORMAL:-MAC-ALL", "NORMAL:-KX-ALL",
		"NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.3", "SECURE256:+SECURE128", "NORMAL:SECURE128", "+NORMAL", "-NORMAL", " NORMAL", "NORMAL :+RSA",
		"NORMAL: +RSA", "@SYSTEM", "@LIBVIRT,SYSTEM", "NONE:+VERS-TLS1.3:+AES-128-GCM:+AEAD:+GROUP-ALL:+SIGN-ALL", "NONE:+VERS-TLS1.2:+AES-128-GCM",
		"NONE:+NORMAL", "NORMAL:+TLS1.3", "NORMAL:VERS-TLS1.3", "NORMAL,SECURE128", "SECURE192:%SAFE_RENEGOTIATION", "NORMAL:!RSA", "NORMAL:+GROUP-X25519",
		"NORMAL:+GROUP-NONE", "NORMAL:+SIGN-RSA-SHA256", "NORMAL:+SIGN-RSA", "NORMAL:%PROFILE_MEDIUM", "NORMAL:%PROFILE_BEST", "NORMAL:+CTYPE-OPENPGP",
		"NORMAL:+CTYPE-X509", "NORMAL:+CTYPE-X.509", "NORMAL:-COMP-ALL", "NORMAL:+COMP-BOGUS", "NORMAL:+CURVE-SECP256R1", "TLS1.3", "HIGH:!aNULL",
		"NORMAL:-VERS-SSL3.0", "LEGACY", "SUITEB192", "SECURE", "NORMAL:+", "NORMAL:%", "+", "NORMAL;-VERS-TLS1.0"}
}

// randomPriorities join known words, and sometimes an unknown one.
func randomPriorities(random *rand.Rand, n int) []string {
	pick := func(words []string) string { return words[random.IntN(len(words))] }
	var list []string
	for range n {
		words := []string{pick(append([]string{"NONE"}, priorityLevels...))}
		for range random.IntN(6) {
			words = append(words, randomWord(random, pick))
		}
		list = append(list, strings.Join(words, ":"))
	}
	return list
}

func randomWord(random *rand.Rand, pick func([]string) string) string {
	sign := pick([]string{"+", "+", "-", "!"})
	switch random.IntN(9) {
	case 0:
		return "%" + pick([]string{"COMPAT", "NO_TICKETS", "SERVER_PRECEDENCE", "SAFE_RENEGOTIATION", "BOGUS", "PROFILE_LOW"})
	case 1:
		return pick(priorityLevels)
	case 2:
		return sign + pick([]string{"BOGUS", "GROUP-BOGUS", "AES-128", "VERS-TLS1.4", "TLS1.2"})
	case 3:
		return sign + pick([]string{"CIPHER-ALL", "MAC-ALL", "VERS-ALL", "VERS-TLS-ALL", "KX-ALL", "GROUP-ALL", "SIGN-ALL"})
	case 4:
		return sign + pick([]string{"VERS-TLS1.2", "VERS-TLS1.3", "VERS-TLS1.1"})
	case 5:
		return sign + pick([]string{"AES-128-GCM", "AES-256-CBC", "CHACHA20-POLY1305", "3DES-CBC", "ARCFOUR-128"})
	case 6:
		return sign + pick([]string{"SHA1", "SHA256", "MD5"})
	case 7:
		return sign + "GROUP-" + pick(priorityGroups[:14])
	}
	return sign + pick([]string{"RSA", "ECDHE-RSA", "ECDHE-ECDSA", "DHE-RSA", "PSK", "ANON-DH", "SRP"})
}
