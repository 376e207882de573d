package store

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRecordsNaming finds the records that hold a name, in each form that a subject can have, and
// reports each file that is not a certificate.
func TestRecordsNaming(t *testing.T) {
	folder := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	record := func(serial int64, name any) {
		subject, err := asn1.Marshal(pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: name}}})
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(serial), RawSubject: subject, NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		text := append(bytes.Repeat([]byte("Certificate:\n"), 300), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
		if err := os.WriteFile(RecordPath(folder, big.NewInt(serial)), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	record(1, "alice")
	record(2, asn1.RawValue{Class: 0, Tag: asn1.TagBMPString, Bytes: []byte("\x00a\x00l\x00i\x00c\x00e")})
	record(3, "bob")
	record(4, "Jürgen")
	for texts, want := range map[string]string{"alice": "1 2", "bob": "3", "Jürgen": "4", "carol": "", "bob alice": "1 2 3"} {
		certs, err := Tree{}.RecordsNaming(folder, strings.Fields(texts)...)
		if got := serials(certs); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", texts, got, err, want)
		}
	}

	odd := func(name string, make func(path string) error) {
		if err := make(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	odd("A0.pem", func(path string) error { return os.WriteFile(path, []byte("garbage"), 0o644) })
	odd("A1.pem", func(path string) error { return syscall.Mkfifo(path, 0o644) })
	odd("A2.pem", func(path string) error { return os.Mkdir(path, 0o755) })
	odd("A3.pem", func(path string) error { return os.WriteFile(path, make([]byte, MaxPEM+1), 0o644) })
	odd("A4.pem", func(path string) error { return os.Symlink("03.pem", path) })
	certs, err := Tree{}.RecordsNaming(folder, "alice")
	for _, name := range []string{"A0.pem", "A1.pem", "A2.pem", "A3.pem"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
	if got := serials(certs); got != "1 2 3" { // a link is always looked into
		t.Errorf("%q beside odd files", got)
	}
	if certs, err := (Tree{}).RecordsNaming(filepath.Join(folder, "none"), "alice"); certs != nil || err != nil {
		t.Errorf("no directory: %v, %v", certs, err)
	}
}

func serials(certs []*x509.Certificate) string {
	var texts []string
	for _, cert := range certs {
		texts = append(texts, cert.SerialNumber.String())
	}
	return strings.Join(texts, " ")
}
