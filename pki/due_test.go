package pki_test

import (
	"crypto/x509"
	"testing"
	"time"

	"virtpki/pki"
)

func TestWindow(t *testing.T) {
	end := now.Add(pki.Year)
	ca := newCA(t, pki.EC256)
	cert, short := issueFor(t, ca, pki.Year), issueFor(t, ca, 30*time.Second)
	foreign := func(life time.Duration) *x509.Certificate {
		return &x509.Certificate{NotBefore: now, NotAfter: now.Add(life), PublicKey: cert.PublicKey}
	}
	tests := []struct {
		window string
		cert   *x509.Certificate
		want   time.Time
	}{
		{"", cert, end.Add(-pki.Year / 3)},
		{"30d", cert, end.Add(-30 * pki.Day)},
		{"50%", cert, end.Add(-pki.Year / 2)},
		{"", short, now.Add(20 * time.Second)},
		{"", issueFor(t, ca, pki.Day), now.Add(16 * time.Hour)},
		{"", foreign(pki.Day), now.Add(16 * time.Hour)},
		{"", foreign(pki.Day + time.Minute), now.Add(16*time.Hour + 40*time.Second)},
		{"50%", foreign(pki.Day + time.Minute), now.Add(12*time.Hour + 30*time.Second)},
		{"", foreign(pki.Year), end.Add(-pki.Year / 3)},
	}
	for _, test := range tests {
		var window pki.Window
		if test.window != "" {
			var err error
			if window, err = pki.ParseWindow(test.window); err != nil {
				t.Fatal(err)
			}
		}
		if got := window.CertificateOpens(test.cert); !got.Equal(test.want) {
			t.Errorf("%q: opens %v, want %v", test.window, got, test.want)
		}
	}
	for _, bad := range []string{"", "%", "0%", "100%", "-1%", "NaN%", "x", "0d"} {
		if w, err := pki.ParseWindow(bad); err == nil {
			t.Errorf("ParseWindow(%q) = %v", bad, w)
		}
	}
}

// issueFor returns a certificate that a CA has signed for a lifetime.
func issueFor(t *testing.T, ca *pki.CA, life time.Duration) *x509.Certificate {
	t.Helper()
	key, err := pki.GenerateKey(pki.EC256)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.Issue(pki.Request{Role: pki.Server, RawSubject: ca.Certificate.RawSubject, PublicKey: key.Public(), Now: now, Validity: life})
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// The expiry tells which response was sent earlier. A certificate of this program begins a day
// before it was signed, one of another program does not: that does not make it older.
func TestOlder(t *testing.T) {
	at := func(signed, backdated, life time.Duration) *x509.Certificate {
		return &x509.Certificate{NotBefore: now.Add(signed - backdated), NotAfter: now.Add(signed + life)}
	}
	for _, c := range []struct {
		name       string
		cert, than *x509.Certificate
		want       bool
	}{
		{"the same", at(0, pki.Day, pki.Year), at(0, pki.Day, pki.Year), false},
		{"signed a second before, alike", at(0, pki.Day, pki.Year), at(time.Second, pki.Day, pki.Year), true},
		{"signed a second after, alike", at(time.Second, pki.Day, pki.Year), at(0, pki.Day, pki.Year), false},
		{"after one of this morning that is not backdated", at(4*time.Hour, pki.Day, pki.Year), at(0, 0, pki.Year), false},
		{"and that lives ten years", at(4*time.Hour, pki.Day, pki.Year), at(0, 0, 10*pki.Year), false},
		{"after a longer one of last month", at(30*pki.Day, pki.Day, pki.Day), at(0, pki.Day, pki.Year), false},
		{"before a longer one of next month", at(0, pki.Day, pki.Year), at(30*pki.Day, 0, 10*pki.Year), true},
		{"before, but it ends later", at(0, pki.Day, 2*pki.Year), at(30*pki.Day, pki.Day, pki.Year), false},
		{"both end with their CA, and it was signed before", at(0, pki.Day, pki.Year), at(30*pki.Day, pki.Day, pki.Year-30*pki.Day), true},
		{"both end with their CA, and it was signed after", at(30*pki.Day, pki.Day, pki.Year-30*pki.Day), at(0, pki.Day, pki.Year), false},
	} {
		if got := pki.Older(c.cert, c.than); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestEnds(t *testing.T) {
	ca, other := newCA(t, pki.EC256), newCA(t, pki.EC256)
	leaf := issueFor(t, ca, pki.Year)
	ending := func(ca *pki.CA, end time.Time) *x509.Certificate {
		same := *ca.Certificate
		same.NotAfter = end
		return &same
	}
	month, decade := now.Add(30*pki.Day), now.Add(10*pki.Year)
	for _, c := range []struct {
		name string
		cas  []*x509.Certificate
		want time.Time
	}{
		{"no CA is known", nil, leaf.NotAfter},
		{"its CA ends later", []*x509.Certificate{ending(ca, decade)}, leaf.NotAfter},
		{"its CA ends before it", []*x509.Certificate{ending(ca, month)}, month},
		{"another CA of the same name ends before it", []*x509.Certificate{ending(other, month)}, leaf.NotAfter},
		{"its CA is there twice", []*x509.Certificate{ending(ca, month), ending(ca, decade)}, leaf.NotAfter},
	} {
		if got := pki.Ends(leaf, c.cas); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
