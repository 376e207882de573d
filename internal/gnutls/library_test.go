package gnutls

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// file returns a library's file with these strings between other bytes.
func file(texts ...string) []byte {
	return []byte("\x7fELF\x00" + strings.Join(texts, "\x00\x01\xff\x00") + "\x00")
}

func TestReadLibrary(t *testing.T) {
	const lean = "libleancrypto.so.1"
	for _, tt := range []struct {
		data  []byte
		text  string
		mldsa bool
	}{
		{file("3.7.9"), "GnuTLS 3.7.9", false},
		{file("3.8.9", lean), "GnuTLS 3.8.9", false},
		{file("3.8.10"), "GnuTLS 3.8.10 without leancrypto", false},
		{file("3.8.10", lean), "GnuTLS 3.8.10", true},
		{file(lean, "3.10.1", "3.10.1"), "GnuTLS 3.10.1", true},
		{file("3.8.10", "3.8.9", lean), "GnuTLS", false}, // two versions
		{file("3.8", "3.08.10", "3.8.10.1", "3.8.10-rc1", "3.999.1", "4.8.10", lean), "GnuTLS", false},
		{file(lean), "GnuTLS", false},
		{[]byte("\x003.8.10"), "GnuTLS", false}, // cut short
		{nil, "GnuTLS", false},
	} {
		if l := ReadLibrary(tt.data); l.String() != tt.text || l.MLDSA() != tt.mldsa {
			t.Errorf("%q: %v, ML-DSA %v, want %s, %v", tt.data, l, l.MLDSA(), tt.text, tt.mldsa)
		}
	}
}

// TestReadLibraryHere reads the GnuTLS of this machine, if it is one of Debian's.
func TestReadLibraryHere(t *testing.T) {
	found, err := filepath.Glob("/usr/lib/*-linux-gnu*/libgnutls.so.30")
	if err != nil || len(found) == 0 {
		t.Skip("no libgnutls here")
	}
	data, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	if l := ReadLibrary(data); l.Version == "" {
		t.Errorf("%s: no version found", found[0])
	}
}

func FuzzReadLibrary(f *testing.F) {
	f.Add(file("3.8.10", "libleancrypto.so.1"))
	f.Add([]byte("\x003.\x003.1.1\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l := ReadLibrary(data)
		if _, _, ok := release(l.Version); l != (Library{}) && !ok || l.Version != "" && !strings.Contains(string(data), "\x00"+l.Version+"\x00") {
			t.Errorf("%q of %q", l.Version, data)
		}
	})
}

// TestMLDSASignature is about a CA that has signed itself with ML-DSA-44 (OpenSSL 3.6).
func TestMLDSASignature(t *testing.T) {
	data, err := os.ReadFile("testdata/mldsa-ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	c, err := ReadCertificate(data)
	if err != nil {
		t.Fatal(err)
	}
	for l, want := range map[Library]sigResult{{}: sigUnreadable, {"3.8.13", false}: sigUnreadable, {"3.8.13", true}: sigUnchecked} {
		if got := l.checkSignature(c.algorithm, c.tbs, c.signature, c.Key); got != want {
			t.Errorf("%v: %v, want %v", l, got, want)
		}
		check := ChainCheck{Trusted: []*Certificate{c}, Now: c.NotBefore, MinBits: 80, Library: l}
		if strong := check.strongKey(c.Key); strong != l.MLDSA() {
			t.Errorf("%v: strong %v", l, strong)
		}
	}
}

// TestReadMLDSA reads the three forms of a private key.
func TestReadMLDSA(t *testing.T) {
	seed := append([]byte{0x80, 32}, make([]byte, 32)...)
	expanded := append([]byte{4, 0x82, 10, 0}, make([]byte, 2560)...)
	both := append([]byte{0x30, 0x82, 10, 38, 4, 32}, append(make([]byte, 32), expanded...)...)
	for name, tt := range map[string]struct {
		kind KeyKind
		der  []byte
		ok   bool
	}{
		"seed": {KeyMLDSA44, seed, true}, "seed of another": {KeyMLDSA87, seed, true}, "short seed": {KeyMLDSA44, seed[:33], false}, "more behind it": {KeyMLDSA44, append(seed[:34:34], 0), false},
		"expanded": {KeyMLDSA44, expanded, true}, "expanded of another": {KeyMLDSA65, expanded, false},
		"both": {KeyMLDSA44, both, true}, "both of another": {KeyMLDSA65, both, false}, "nothing": {KeyMLDSA44, nil, false},
	} {
		if key, err := readMLDSA(tt.kind, tt.der); (err == nil) != tt.ok || tt.ok && key.Kind != tt.kind {
			t.Errorf("%s: %v, %v", name, key, err)
		}
	}
}
