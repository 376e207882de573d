package gnutls

import (
	"bytes"
	"cmp"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestHostNames(t *testing.T) {
	dns := func(names ...string) []generalName {
		var list []generalName
		for _, n := range names {
			list = append(list, generalName{kind: nameDNS, value: []byte(n)})
		}
		return list
	}
	ip := []generalName{{kind: nameIP, value: []byte{10, 0, 0, 1}}}
	uri := []generalName{{kind: nameURI, value: []byte("https://hv1")}}
	tests := []struct {
		what    string
		subject string
		san     []generalName
		eku     string
		name    string
		want    bool
	}{
		{"a DNS name", "CN=x", dns("hv1.lab.example"), "", "hv1.lab.example", true},
		{"case", "CN=x", dns("HV1.lab.example"), "", "hv1.LAB.example", true},
		{"the short name", "CN=x", dns("hv1.lab.example"), "", "hv1", false},
		{"CN beside a DNS name", "CN=hv1", dns("other"), "", "hv1", false},
		{"CN alone", "CN=hv1", nil, "", "hv1", true},
		{"CN beside an IP address", "CN=hv1", ip, "", "hv1", false},
		{"CN of a client", "CN=hv1", nil, OIDClientAuth, "hv1", false},
		{"two CNs", "CN=hv1,CN=hv1", nil, "", "hv1", false},
		{"CN beside a URI", "CN=hv1", uri, "", "hv1", false},
		{"an address", "CN=x", ip, "", "10.0.0.1", true},
		{"an address as DNS name", "CN=10.0.0.1", dns("10.0.0.1"), "", "10.0.0.1", false},
		{"an address as CN", "CN=10.0.0.1", nil, "", "10.0.0.1", false},
		{"a star", "CN=x", dns("*.lab.example"), "", "hv1.lab.example", true},
		{"a star for two labels", "CN=x", dns("*.lab.example"), "", "a.hv1.lab.example", false},
		{"a star for none", "CN=x", dns("*.lab.example"), "", "lab.example", false},
		{"a star before one label", "CN=x", dns("*.example"), "", "hv1.example", false},
		{"a star inside", "CN=x", dns("h*.lab.example"), "", "hv1.lab.example", false},
		{"a star with more behind", "CN=x", dns("*1.lab.example"), "", "hv1.lab.example", true},
		{"a dot at the end", "CN=x", dns("hv1.lab.example"), "", "hv1.lab.example.", false},
		{"an IPv6 address", "CN=x", []generalName{{kind: nameIP, value: bytes.Repeat([]byte{0xfe, 0x80}, 8)}}, "", "fe80:fe80:fe80:fe80:fe80:fe80:fe80:fe80", true},
	}
	for _, test := range tests {
		var exts []pkix.Extension
		if test.san != nil {
			exts = append(exts, sanOf(t, test.san))
		}
		if test.eku != "" {
			exts = append(exts, purposesOf(t, false, test.eku))
		}
		cert, err := parseCertificate(certificate(t, test.subject, exts...))
		if err != nil {
			t.Fatal(err)
		}
		ok, why := MatchHost(cert, test.name)
		if ok != test.want || ok == (why != "") {
			t.Errorf("%s: MatchHost(%q) = %v, %q, want %v", test.what, test.name, ok, why, test.want)
		}
	}
}

// checkHostC reads a name and a certificate in base64 a line, and prints whether
// GnuTLS takes them together.
const checkHostC = `
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
int main(void) {
	static char line[1 << 16];
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		char *b64 = strchr(line, ' ');
		*b64++ = 0;
		gnutls_datum_t in = {(unsigned char *)b64, strlen(b64)}, der;
		gnutls_x509_crt_t crt;
		int ok = -1;
		if (gnutls_base64_decode2(&in, &der) == 0 && gnutls_x509_crt_init(&crt) == 0) {
			if (gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER) == 0)
				ok = gnutls_x509_crt_check_hostname(crt, line) != 0;
			gnutls_x509_crt_deinit(crt);
			gnutls_free(der.data);
		}
		printf("%d\n", ok);
	}
}
`

// TestHostNamesAgainstGnuTLS compares random certificates and names with the
// machine's GnuTLS (libgnutls28-dev and a C compiler are part of the test's needs).
func TestHostNamesAgainstGnuTLS(t *testing.T) {
	dir := t.TempDir()
	source, program := filepath.Join(dir, "check.c"), filepath.Join(dir, "check")
	if err := os.WriteFile(source, []byte(checkHostC), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cc", "-o", program, source, "-lgnutls").CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, out)
	}
	n, seed := amount(t, 1000)
	g := &generator{rand.New(rand.NewPCG(seed, 1))}
	var input strings.Builder
	var got []int
	var pairs []string
	for range n {
		der, name := g.namedCertificate(t), g.hostName()
		verdict, about := -1, "a certificate that cannot be read"
		if cert, err := parseCertificate(der); err == nil {
			verdict = 0
			if ok, _ := MatchHost(cert, name); ok {
				verdict = 1
			}
			about = NamesText(cert) + ", CNs " + fmt.Sprintf("%q", subjectValues(cert.Subject, "2.5.4.3"))
		}
		got = append(got, verdict)
		pairs = append(pairs, fmt.Sprintf("%q against %s", name, about))
		fmt.Fprintf(&input, "%s %s\n", name, base64.StdEncoding.EncodeToString(der))
	}
	cmd := exec.Command(program)
	cmd.Stdin = strings.NewReader(input.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	compareNames(t, got, pairs, strings.Fields(string(out)))
}

func compareNames(t *testing.T, got []int, pairs, answers []string) {
	t.Helper()
	if len(answers) != len(got) {
		t.Fatalf("%d answers for %d names", len(answers), len(got))
	}
	matched, wrong := 0, 0
	for i, answer := range answers {
		want, _ := strconv.Atoi(answer)
		if want == 1 {
			matched++
		}
		if got[i] != want {
			if wrong++; wrong <= 10 {
				t.Errorf("%s: MatchHost says %v, GnuTLS %d", pairs[i], got[i], want)
			}
		}
	}
	t.Logf("%d pairs, %d match, %d disagreements", len(got), matched, wrong)
	if matched < len(got)/20 {
		t.Errorf("only %d of %d match: the generator is lopsided", matched, len(got))
	}
}

func (g *generator) label() string { return pick(g, "hv1", "HV1", "a") }

func (g *generator) hostName() string {
	if g.chance(0.15) {
		return pick(g, "10.0.0.1", "127.0.0.1", "::1", "fe80::1", "10.0.0.01", "1.2.3", "::ffff:10.0.0.1", "a:b", "0x7f.1")
	}
	return g.label() + pick(g, "", "", ".lab.example", ".lab.example", ".LAB.example", ".a.lab.example", ".example", ".")
}

func (g *generator) certName() string {
	name := g.hostName()
	switch g.IntN(8) {
	case 0:
		return "*." + name
	case 1:
		return "*" + name
	case 2:
		return pick(g, "", "*", "*.", ".", "a..b", strings.Repeat("x", 255), strings.Repeat("x", 256), strings.Repeat("x", 300), "b\x00c", "h\xc3\xa9")
	}
	return name
}

func (g *generator) namedCertificate(t *testing.T) []byte {
	var names []generalName
	for range g.IntN(4) {
		switch g.IntN(6) {
		case 0:
			names = append(names, generalName{kind: nameIP, value: pick(g, []byte{10, 0, 0, 1}, []byte{127, 0, 0, 1}, make([]byte, 16), append(make([]byte, 15), 1), []byte{1})})
		case 1:
			names = append(names, generalName{kind: pick(g, nameEmail, nameURI), value: []byte(g.certName())})
		default:
			names = append(names, generalName{kind: nameDNS, value: []byte(g.certName())})
		}
	}
	var cns []string
	for range pick(g, 0, 1, 1, 1, 1, 2) {
		cns = append(cns, "CN="+cmp.Or(strings.ReplaceAll(pick(g, g.certName(), g.hostName()), "\x00", ""), "y"))
	}
	var exts []pkix.Extension
	if len(names) > 0 || g.chance(0.05) {
		exts = append(exts, sanOf(t, names))
	}
	if g.chance(0.4) {
		exts = append(exts, purposesOf(t, g.chance(0.3), pick(g, OIDServerAuth, OIDClientAuth, OIDAnyPurpose, "1.2.3.4")))
	}
	return certificate(t, strings.Join(append([]string{"O=x"}, cns...), ","), exts...)
}
