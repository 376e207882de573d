package renewal

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"slices"
	"testing"

	"virtpki/internal/keypair"
	"virtpki/pki"
)

// The names that clients used before a renewal still work after it.
func TestNamesOfTheNextCertificate(t *testing.T) {
	address := []net.IP{net.IPv4(192, 0, 2, 1)}
	byCN := &x509.Certificate{Subject: pkix.Name{CommonName: "hv1.example"}}
	tests := []struct {
		condition string
		role      pki.Role
		cert      *x509.Certificate
		missing   []net.IP
		want      []string
	}{
		{"an address comes to a CN alone", pki.Server, byCN, address, []string{"hv1.example"}},
		{"nothing comes to a CN alone", pki.Server, byCN, nil, nil},
		{"a client has no names", pki.Client, byCN, nil, nil},
		{"a CN that is no name", pki.Server, &x509.Certificate{Subject: pkix.Name{CommonName: "the host"}}, address, nil},
		{"names beside the CN", pki.Server, &x509.Certificate{Subject: byCN.Subject, DNSNames: []string{"other.example"}}, address, []string{"other.example"}},
		{"an address beside the CN", pki.Server, &x509.Certificate{Subject: byCN.Subject, IPAddresses: address}, address, nil},
	}
	for _, test := range tests {
		c := &candidate{role: test.role, pair: &keypair.Pair{Cert: test.cert}, missing: test.missing}
		if got := c.names(); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.condition, got, test.want)
		}
	}
}
