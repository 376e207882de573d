package fleet

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzParseHosts checks that each host of a list has a name of one word, from a line of its own.
func FuzzParseHosts(f *testing.F) {
	for _, seed := range []string{"", "hv1 10.0.0.1\n", "\xef\xbb\xbfhv1\r\n# hv2\n\thv3 # of the lab\n", "hv1\rhv2", "hv1\x00\n", "a\u2028b\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := ParseHosts("list", text)
		if err != nil {
			return
		}
		if n := bytes.Count(text, []byte("\n")) + 1; len(list.hosts) == 0 || len(list.hosts) > n {
			t.Errorf("%q: %d hosts in %d lines", text, len(list.hosts), n)
		}
		number := 0
		for _, h := range list.hosts {
			name, names := h.fields()
			for _, word := range append([]string{name}, names...) {
				if word == "" || word[0] == '#' || strings.ContainsAny(word, " \t\r\n") {
					t.Errorf("%q: line %d has the word %q", text, h.number, word)
				}
			}
			if h.number <= number {
				t.Errorf("%q: line %d comes after line %d", text, h.number, number)
			}
			number = h.number
		}
	})
}
