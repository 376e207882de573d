package gnutls

import (
	"strings"
	"testing"
)

// FuzzPriority checks that blanks before a priority string change nothing, as in GnuTLS, and that a
// refusal says one line.
func FuzzPriority(f *testing.F) {
	for _, seed := range []string{"", "NORMAL", "@LIBVIRT,SYSTEM", "@SYSTEM:-VERS-TLS1.3", "NONE:+VERS-ALL:+CIPHER-ALL:+MAC-ALL", "NORMAL:+", "NORMAL:%", "SUITEB128:-AEAD", ":", "NORMAL::-SIGN-ALL", "!", "NORMAL:- "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, priority string) {
		system := []string{"SYSTEM"}
		err := CheckPriority(priority, system)
		if blank := CheckPriority(" \t"+priority, system); (err == nil) != (blank == nil) {
			t.Errorf("%q: %v, and after blanks %v", priority, err, blank)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%q: %q", priority, err)
		}
	})
}
