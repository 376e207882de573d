package pki_test

import (
	"crypto/x509"
	"testing"
	"time"

	"virtpki/pki"
)

func TestWindow(t *testing.T) {
	end := now.Add(pki.Year)
	cert := &x509.Certificate{NotBefore: now.Add(-pki.Backdate), NotAfter: end}
	short := &x509.Certificate{NotBefore: now.Add(-pki.Backdate), NotAfter: now.Add(30 * time.Second)}
	tests := []struct {
		window string
		cert   *x509.Certificate
		want   time.Time
	}{
		{"", cert, end.Add(-pki.Year / 3)},
		{"30d", cert, end.Add(-30 * pki.Day)},
		{"50%", cert, end.Add(-pki.Year / 2)},
		{"", short, now.Add(20 * time.Second)},
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
