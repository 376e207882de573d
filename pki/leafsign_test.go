package pki

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net"
	"testing"
	"time"
)

// A certificate that is signed quickly is, byte for byte, the one that crypto/x509 would sign.
func TestQuickIsTheSame(t *testing.T) {
	now := time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
	names := []Request{
		{},
		{DNSNames: []string{"hv1.lab.example", "*.vm.example"}},
		{IPAddresses: []net.IP{net.ParseIP("192.0.2.1"), net.ParseIP("2001:db8::1"), net.IPv4(192, 0, 2, 2).To4()}},
		{DNSNames: []string{"hv1"}, IPAddresses: []net.IP{net.ParseIP("::1")}},
		{DNSNames: make120(), Validity: 40 * Year},
	}
	for _, caType := range []KeyType{EC256, EC384, Ed25519, RSA2048} {
		for _, withID := range []bool{true, false} {
			ca := caForTest(t, caType, now, withID)
			for _, keyType := range []KeyType{EC256, Ed25519, RSA2048} {
				key, err := GenerateKey(keyType)
				if err != nil {
					t.Fatal(err)
				}
				for i, r := range names {
					for _, strict := range []bool{false, true} {
						for _, role := range []Role{Server, Client} {
							r.Role, r.RawSubject, r.PublicKey, r.Now, r.StrictKeyUsage = role, ca.Certificate.RawSubject, key.Public(), now, strict
							t.Run(fmt.Sprintf("%s %v %s %d %s %v", caType, withID, keyType, i, role, strict), func(t *testing.T) { compareQuick(t, ca, r) })
						}
					}
				}
			}
		}
	}
}

func make120() []string {
	names := make([]string, 120) // more than 255 bytes, so that lengths take two
	for i := range names {
		names[i] = fmt.Sprintf("host-%d.lab.example", i)
	}
	return names
}

func caForTest(t *testing.T, keyType KeyType, now time.Time, withID bool) *CA {
	t.Helper()
	key, err := GenerateKey(keyType)
	if err != nil {
		t.Fatal(err)
	}
	subject := []byte{0x30, 13, 0x31, 11, 0x30, 9, 6, 3, 0x55, 4, 3, 0x0c, 2, 'C', 'A'}
	ca, err := NewCA(CARequest{RawSubject: subject, Signer: key, Now: now, Validity: 50 * Year})
	if err != nil {
		t.Fatal(err)
	}
	if !withID {
		ca.Certificate.SubjectKeyId = nil
	}
	return ca
}

func compareQuick(t *testing.T, ca *CA, r Request) {
	template, err := r.template(ca.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	want, err := x509.CreateCertificate(rand.Reader, template, ca.Certificate, r.PublicKey, ca.Signer)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ca.signQuickly(template, r.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	wantCert, err1 := x509.ParseCertificate(want)
	gotCert, err2 := x509.ParseCertificate(got)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if !bytes.Equal(gotCert.RawTBSCertificate, wantCert.RawTBSCertificate) {
		t.Errorf("got\n%x\nwant\n%x", gotCert.RawTBSCertificate, wantCert.RawTBSCertificate)
	}
	if err := ca.Certificate.CheckSignature(gotCert.SignatureAlgorithm, gotCert.RawTBSCertificate, gotCert.Signature); err != nil {
		t.Error(err)
	}
	if gotCert.SignatureAlgorithm != wantCert.SignatureAlgorithm {
		t.Errorf("signed by %v, want %v", gotCert.SignatureAlgorithm, wantCert.SignatureAlgorithm)
	}
}
