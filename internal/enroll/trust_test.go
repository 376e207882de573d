package enroll

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/subject"
	"virtpki/pki"
)

var now = time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)

// newCA returns a CA that lives for some years.
func newCA(t *testing.T, years int) *pki.CA {
	t.Helper()
	raw, err1 := subject.ForCA("Example Org")
	key, err2 := pki.GenerateKey(pki.EC256)
	if err := hint.First(err1, err2); err != nil {
		t.Fatal(err)
	}
	ca, err := pki.NewCA(pki.CARequest{RawSubject: raw, Signer: key, Now: now, Validity: time.Duration(years) * pki.Year})
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// Which CA is trusted after a response is decided in one place. The letters are CAs: A and
// B live for ten years, E for one.
func TestDecideTrust(t *testing.T) {
	all := map[rune]*x509.Certificate{'A': newCA(t, 10).Certificate, 'B': newCA(t, 10).Certificate, 'E': newCA(t, 1).Certificate}
	certs := func(letters string) (certs []*x509.Certificate) {
		for _, letter := range letters {
			certs = append(certs, all[letter])
		}
		return certs
	}
	letters := func(certs []*x509.Certificate) (text string) {
		for _, cert := range certs {
			for letter, ca := range all {
				if ca.Equal(cert) {
					text += string(letter)
				}
			}
		}
		return text
	}
	for _, c := range []struct {
		name                 string
		here, given, vouched string
		exact, later         bool   // two years later E has expired
		want                 string // trusted, on sight, dropped; or part of the error
	}{
		{"the first", "", "A", "", false, false, "A A "},
		{"the first two", "", "AB", "", false, false, "AB AB "},
		{"the first, vouched for", "", "A", "A", false, false, "A  "},
		{"the first, another vouched for", "", "A", "B", false, false, "the response brings a CA that this host does not trust"},
		{"one of two vouched for", "", "AB", "A", false, false, "the response brings a CA that this host does not trust"},
		{"the same", "A", "A", "", false, false, "A  "},
		{"none in the response", "A", "", "", false, false, "A  "},
		{"none anywhere", "", "", "", false, false, "this host trusts no CA yet"},
		{"a new one", "A", "AB", "", false, false, "the response brings a CA that this host does not trust"},
		{"a new one, vouched for", "A", "B", "B", false, false, "AB  "},
		{"the response's order", "A", "BA", "B", false, false, "BA  "},
		{"the order here", "AB", "B", "", false, false, "AB  "},
		{"no other", "AB", "B", "", true, false, "B  A"},
		{"no other, and none in the response", "AB", "", "", true, false, "AB  "},
		{"one that has expired", "EA", "A", "", false, true, "A  "},
		{"one that has expired and comes again", "E", "E", "", false, true, "E  "},
		{"all have expired", "E", "", "", false, true, "this host trusts no CA yet"},
		{"after all have expired, a new one", "E", "A", "", false, true, "the response brings a CA that this host does not trust"},
	} {
		p := trustPolicy{vouched: make(Fingerprints), exact: c.exact, now: now}
		if c.later {
			p.now = now.Add(2 * pki.Year)
		}
		for _, ca := range certs(c.vouched) {
			p.vouched[libvirt.Fingerprint(ca)] = true
		}
		got, err := decideTrust(certs(c.here), certs(c.given), p)
		text := letters(got.cas) + " " + letters(got.onSight) + " " + letters(got.dropped)
		if err != nil {
			text = err.Error()
		}
		if err == nil && text != c.want || err != nil && (c.want == "" || !strings.Contains(text, c.want)) {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
	}
}

func TestParseFingerprints(t *testing.T) {
	hex := strings.Repeat("2f", 32)
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{hex, true},
		{strings.ToUpper(hex), true},
		{strings.TrimSuffix(strings.Repeat("2F:", 32), ":"), true},
		{"sha256 Fingerprint=" + strings.TrimSuffix(strings.Repeat("2F:", 32), ":"), true},
		{hex[2:], false},
		{hex + "00", false},
		{strings.Repeat("zz", 32), false},
		{"", false},
	} {
		got, err := ParseFingerprints([]string{c.text})
		if (err == nil) != c.ok || c.ok && !got[hex] {
			t.Errorf("%q: %v, %v", c.text, got, err)
		}
	}
	if all, err := ParseFingerprints([]string{hex, strings.Repeat("3f", 32)}); err != nil || len(all) != 2 {
		t.Errorf("two: %v, %v", all, err)
	}
}

// A response may hold any number of CA certificates of one name, and each comparison with another
// is a signature to verify: the number is limited before the first one.
func TestTooManyCAs(t *testing.T) {
	here := []*x509.Certificate{newCA(t, 10).Certificate}
	var given []*x509.Certificate
	for range libvirt.MaxCAs + 1 {
		given = append(given, newCA(t, 10).Certificate)
	}
	_, err := decideTrust(here, given, trustPolicy{below: true, now: now})
	if err == nil || !strings.Contains(err.Error(), "contains 17 CAs, but libvirt reads only the first 16") {
		t.Errorf("error %v", err)
	}
	if _, err := decideTrust(nil, given[1:], trustPolicy{now: now}); err != nil {
		t.Errorf("16 of them: %v", err)
	}
}
