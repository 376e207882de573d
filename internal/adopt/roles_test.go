package adopt

import (
	"crypto/x509"
	"strings"
	"testing"

	"virtpki/pki"
)

// A pair is written as its purposes: s for a server's, c for a client's, - for another one;
// then the role that its file's name implies.
func TestAssign(t *testing.T) {
	made := func(i int, text string) pair {
		purposes, role, _ := strings.Cut(text, "=")
		p := pair{cert: &x509.Certificate{Raw: []byte{byte(i)}}, path: string(rune('a' + i)), role: pki.Role(role)}
		for _, letter := range purposes {
			p.cert.ExtKeyUsage = append(p.cert.ExtKeyUsage, map[rune]x509.ExtKeyUsage{
				's': x509.ExtKeyUsageServerAuth, 'c': x509.ExtKeyUsageClientAuth, '-': x509.ExtKeyUsageCodeSigning, '*': x509.ExtKeyUsageAny,
			}[letter])
		}
		return p
	}
	for _, c := range []struct{ pairs, want, wrong string }{
		{"sc", "server=a client=a", ""},
		{"", "server=a client=a", ""},
		{"*", "server=a client=a", ""},
		{"s", "server=a", ""},
		{"c", "client=a", ""},
		{"s c", "server=a client=b", ""},
		{"c s", "server=b client=a", ""},
		{"sc c", "server=a client=b", ""},
		{"s sc", "server=a client=b", ""},
		{"sc=server sc=client", "server=a client=b", ""},
		{"sc=server", "server=a", ""},
		{"sc sc", "", "2 certificates for one role, server: a, b"},
		{"s s", "", "2 certificates for one role, server: a, b"},
		{"s c c", "", "2 certificates for one role, client: b, c"},
		{"-", "", "a: its purposes are neither those of a server nor those of a client"},
		{"c=server", "", "a: it is for a client, but the file name is a server's"},
	} {
		var pairs []pair
		for i, text := range strings.Split(c.pairs, " ") {
			pairs = append(pairs, made(i, text))
		}
		given, err := assign(pairs)
		var got []string
		for _, g := range given {
			got = append(got, string(g.Role)+"="+g.From)
		}
		if strings.Join(got, " ") != c.want || (err == nil) != (c.wrong == "") || err != nil && err.Error() != c.wrong {
			t.Errorf("%q: %q, %v, want %q, %q", c.pairs, got, err, c.want, c.wrong)
		}
	}
	if given, err := assign([]pair{made(1, "sc"), made(1, "sc")}); err != nil || len(given) != 2 {
		t.Errorf("one pair given twice: %v, %v", given, err)
	}
}
