package pki_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"

	"virtpki/pki"
)

// A request holds exactly the names and roles that it was made with, for every role and key type.
// Two equal requests with the same key have the same bytes.
func TestNewCSR(t *testing.T) {
	for _, keyType := range pki.KeyTypes() {
		key := newKey(t, keyType)
		for _, role := range []pki.Role{pki.Server, pki.Client} {
			want := pki.CSRRequest{Role: role, RawSubject: subject("hv1"), DNSNames: []string{"hv1", "*.lab.example"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1).To4(), net.ParseIP("2001:db8::1")}}
			csr, err := pki.NewCSR(want, key)
			if err != nil {
				t.Fatal(err)
			}
			again, err := pki.NewCSR(want, key)
			if err != nil || !bytes.Equal(csr.Raw, again.Raw) {
				t.Errorf("%s: a second request differs, %v", keyType, err)
			}
			if err := csr.Check(); err != nil {
				t.Errorf("%s: %v", keyType, err)
			}
			read, err := pki.ParseCSRs(pki.EncodeCSRs(csr, csr))
			if err != nil || len(read) != 2 {
				t.Fatalf("%s: %d requests, %v", keyType, len(read), err)
			}
			got := read[1]
			if !bytes.Equal(got.RawSubject, want.RawSubject) || !slices.Equal(got.DNSNames, want.DNSNames) || !slices.EqualFunc(got.IPAddresses, want.IPAddresses, net.IP.Equal) {
				t.Errorf("%s: subject %x, names %v %v, want %x, %v %v", keyType, got.RawSubject, got.DNSNames, got.IPAddresses, want.RawSubject, want.DNSNames, want.IPAddresses)
			}
			if !slices.Equal(got.Roles, []pki.Role{role}) || got.WantsCA || got.Foreign != nil || !pki.SameKey(got.PublicKey, key.Public()) {
				t.Errorf("%s: roles %v, CA %v, foreign %v", keyType, got.Roles, got.WantsCA, got.Foreign)
			}
		}
	}
	if _, err := pki.NewCSR(pki.CSRRequest{Role: pki.Server, RawSubject: []byte{0x30, 0}}, newKey(t, pki.EC256)); err == nil {
		t.Error("a request without a subject was made")
	}
}

// csrWith makes a request with extensions of any kind.
func csrWith(t testing.TB, key crypto.Signer, extensions ...pkix.Extension) []byte {
	t.Helper()
	raw, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{RawSubject: subject("hv1"), ExtraExtensions: extensions}, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "NEW CERTIFICATE REQUEST", Bytes: raw})
}

func TestCSRExtensions(t *testing.T) {
	key := newKey(t, pki.EC256)
	oid := func(last ...int) asn1.ObjectIdentifier { return append(asn1.ObjectIdentifier{2, 5, 29}, last...) }
	names := func(tags ...byte) []byte {
		var all []byte
		for _, tag := range tags {
			all = append(all, tag, 1, 'x')
		}
		return append([]byte{0x30, byte(len(all))}, all...)
	}
	for _, tc := range []struct {
		name string
		ext  pkix.Extension
		want string // in Foreign, "CA", "" for nothing, or an error after "!"
	}{
		{"nothing to ask for", pkix.Extension{Id: oid(14), Value: []byte{4, 1, 1}}, ""},
		{"CA:FALSE", pkix.Extension{Id: oid(19), Value: []byte{0x30, 0}}, ""},
		{"CA:TRUE", pkix.Extension{Id: oid(19), Value: []byte{0x30, 3, 1, 1, 0xff}}, "CA"},
		{"CA:TRUE with a path length", pkix.Extension{Id: oid(19), Value: []byte{0x30, 6, 1, 1, 0xff, 2, 1, 0}}, "CA"},
		{"keyUsage of a leaf", pkix.Extension{Id: oid(15), Value: []byte{3, 2, 5, 0xa0}}, ""},
		{"keyCertSign", pkix.Extension{Id: oid(15), Value: []byte{3, 2, 2, 0x04}}, "CA"},
		{"cRLSign", pkix.Extension{Id: oid(15), Value: []byte{3, 2, 1, 0x02}}, "CA"},
		{"otherName", pkix.Extension{Id: oid(17), Value: names(0xa0)}, "another kind of name"},
		{"e-mail", pkix.Extension{Id: oid(17), Value: names(0x81)}, "an e-mail address"},
		{"directory name", pkix.Extension{Id: oid(17), Value: names(0xa4)}, "a directory name"},
		{"registered id", pkix.Extension{Id: oid(17), Value: names(0x88)}, "a registered id"},
		{"unknown kind of name", pkix.Extension{Id: oid(17), Value: names(0x8f)}, "a name of an unknown kind"},
		{"codeSigning", pkix.Extension{Id: oid(37), Value: []byte{0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 3}}, "the extended key usage 1.3.6.1.5.5.7.3.3"},
		{"any usage", pkix.Extension{Id: oid(37), Value: []byte{0x30, 6, 6, 4, 0x55, 0x1d, 0x25, 0}}, "the extended key usage 2.5.29.37.0"},
		{"name constraints", pkix.Extension{Id: oid(30), Value: []byte{0x30, 0}}, "the extension 2.5.29.30"},
		{"of another's", pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}, "the extension 1.2.3"},
		{"basicConstraints that are none", pkix.Extension{Id: oid(19), Value: []byte{5, 0}}, "!malformed basicConstraints"},
		{"something behind basicConstraints", pkix.Extension{Id: oid(19), Value: []byte{0x30, 0, 0}}, "!malformed basicConstraints"},
		{"keyUsage that is none", pkix.Extension{Id: oid(15), Value: []byte{0x30, 0}}, "!malformed keyUsage"},
		{"usages that are none", pkix.Extension{Id: oid(37), Value: []byte{4, 0}}, "!malformed extendedKeyUsage"},
	} {
		csrs, err := pki.ParseCSRs(csrWith(t, key, tc.ext))
		if want, isError := strings.CutPrefix(tc.want, "!"); isError {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want an error with %q", tc.name, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		got := strings.Join(csrs[0].Foreign, ", ")
		if csrs[0].WantsCA {
			got = "CA"
		}
		if tc.want == "" && got != "" || !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s: asks for %q, want %q", tc.name, got, tc.want)
		}
		if err := csrs[0].Check(); (err != nil) != (tc.want == "CA") {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestCSRCheck(t *testing.T) {
	good, err := pki.NewCSR(pki.CSRRequest{Role: pki.Server, RawSubject: subject("hv1"), DNSNames: []string{"hv1"}}, newKey(t, pki.EC256))
	if err != nil {
		t.Fatal(err)
	}
	for i := range good.Raw {
		changed := slices.Clone(good.Raw)
		changed[i] ^= 0x55
		csrs, err := pki.ParseCSRs(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: changed}))
		if err == nil && csrs[0].Check() == nil {
			t.Errorf("byte %d changed, and nobody notices", i)
		}
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		pub  crypto.PublicKey
		want string
	}{
		{&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}, "1024 bits is too weak"},
		{&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2046), E: 65537}, "2047 bits is too weak"},
		{&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65537}, ""},
		{&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 8192), E: 65537}, "8193 bits is too large"},
		{&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 3}, "exponent 3"},
		{p224.Public(), "P-224 cannot be used"},
		{newKey(t, pki.EC384).Public(), ""},
		{newKey(t, pki.Ed25519).Public(), ""},
		{nil, "of an unknown type"},
	} {
		err := pki.CheckPublicKey(tc.pub)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%T: %v, want %q", tc.pub, err, tc.want)
		}
	}
}

func TestCSRNamesOnce(t *testing.T) {
	raw, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		RawSubject: subject("hv1"), DNSNames: []string{"a", "b", "a"}, IPAddresses: []net.IP{{10, 0, 0, 1}, {10, 0, 0, 1}},
	}, newKey(t, pki.EC256))
	if err != nil {
		t.Fatal(err)
	}
	csrs, err := pki.ParseCSRs(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: raw}))
	if err != nil {
		t.Fatal(err)
	}
	c := csrs[0]
	if !slices.Equal(c.DNSNames, []string{"a", "b"}) || len(c.IPAddresses) != 1 || !slices.Equal(c.Repeated, []string{"a", "10.0.0.1"}) {
		t.Errorf("names %v %v, repeated %v", c.DNSNames, c.IPAddresses, c.Repeated)
	}
}

func TestParseCSRsRefuses(t *testing.T) {
	csr := csrWith(t, newKey(t, pki.EC256))
	for name, data := range map[string][]byte{
		"nothing":        nil,
		"text":           []byte("hello"),
		"a certificate":  pki.EncodeCertificates(newCA(t, pki.EC256).Certificate),
		"cut short":      csr[:len(csr)-40],
		"one of two cut": append(slices.Clone(csr), csr[:100]...),
		"no DER":         []byte("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"),
	} {
		if csrs, err := pki.ParseCSRs(data); err == nil {
			t.Errorf("%s: %d requests", name, len(csrs))
		}
	}
	if _, err := pki.ParseCSRs([]byte("x")); !errors.Is(err, pki.ErrNoCSR) {
		t.Errorf("text: %v, want ErrNoCSR", err)
	}
	if csrs, err := pki.ParseCSRs(append([]byte("\xef\xbb\xbftext\n"), csr...)); err != nil || len(csrs) != 1 {
		t.Errorf("behind a byte order mark: %d, %v", len(csrs), err)
	}
}

// FuzzParseCSRs checks that an accepted request can be signed as it is: it has a sound key that has
// signed it, and no extension that crypto/x509 sees asks to be a CA.
func FuzzParseCSRs(f *testing.F) {
	key := newKey(f, pki.EC256)
	f.Add(csrWith(f, key))
	f.Add(csrWith(f, key, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Value: []byte{0x30, 3, 1, 1, 0xff}}))
	f.Add(csrWith(f, key, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: []byte{0x30, 3, 0x81, 1, 'x'}}))
	for _, keyType := range []pki.KeyType{pki.EC384, pki.Ed25519, pki.RSA2048} {
		csr, err := pki.NewCSR(pki.CSRRequest{Role: pki.Server, RawSubject: subject("a"), DNSNames: []string{"a"}}, newKey(f, keyType))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(pki.EncodeCSRs(csr, csr))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		csrs, err := pki.ParseCSRs(data)
		if err != nil {
			return
		}
		again, err := pki.ParseCSRs(pki.EncodeCSRs(csrs...))
		if err != nil || len(again) != len(csrs) {
			t.Fatalf("%d requests, written and read again %d, %v", len(csrs), len(again), err)
		}
		for _, csr := range csrs {
			if csr.Check() == nil {
				checkAccepted(t, csr)
			}
		}
	})
}

func checkAccepted(t *testing.T, csr *pki.CSR) {
	t.Helper()
	request, err := x509.ParseCertificateRequest(csr.Raw)
	if err != nil || request.CheckSignature() != nil {
		t.Fatalf("accepted, and crypto/x509 says %v, %v", err, request.CheckSignature())
	}
	if err := pki.CheckPublicKey(request.PublicKey); err != nil {
		t.Fatal(err)
	}
	for _, name := range csr.DNSNames {
		if !slices.Contains(request.DNSNames, name) {
			t.Fatalf("the name %q does not stand there", name)
		}
	}
}
