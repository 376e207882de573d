package judge

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"virtpki/internal/gnutls"
	"virtpki/internal/libvirt"
)

// library returns the GnuTLS with these strings in its file: its version, a library that it needs.
func library(strings ...string) gnutls.Library {
	data := []byte{0}
	for _, s := range strings {
		data = append(append(data, s...), 0)
	}
	return gnutls.ReadLibrary(data)
}

const leancrypto = "libleancrypto.so.1"

// mldsaSet is an EC CA with a server's certificate that has a key of ML-DSA-44, and that key.
func mldsaSet(l gnutls.Library) Set {
	read := func(name string) File {
		return File{Path: name, Data: must(os.ReadFile(filepath.Join("testdata", "mldsa", name)))}
	}
	return Set{Role: Server, CA: read("cacert.pem"), CRL: missing("cacrl.pem"), Cert: read("cert.pem"), Key: read("key.pem"), GnuTLS: l}
}

// TestMLDSA judges such a pair by the GnuTLS of its machine; testdata/e2e/ml-dsa.txtar shows that
// daemons with the first two do not start.
func TestMLDSA(t *testing.T) {
	now := time.Date(2027, 6, 1, 0, 0, 0, 0, time.UTC)
	const refused = "key-type-unknown"
	for _, tt := range []struct {
		gnutls gnutls.Library
		id     string // of the error
		text   string
	}{
		{library("3.7.9"), refused, "has a key of the type ML-DSA-44, which GnuTLS 3.7.9 cannot use: QEMU refuses the files"},
		{library("3.8.13"), refused, "which GnuTLS 3.8.13 without leancrypto cannot use"},
		{library("3.8.9", leancrypto), refused, "which GnuTLS 3.8.9 cannot use"},
		{gnutls.Library{}, refused, "which GnuTLS cannot use"},
		{library(leancrypto), refused, "which GnuTLS cannot use"},
		{library("3.8.10", leancrypto), "", ""},
		{library("3.9.0", leancrypto), "", ""},
	} {
		set := mldsaSet(tt.gnutls)
		found := OwnFiles(set, libvirt.Release{}, now)
		i := slices.IndexFunc(found, func(f Finding) bool { return f.Level == Error })
		if tt.id != "" {
			if i < 0 || found[i].ID != tt.id || !strings.Contains(found[i].Text, tt.text) {
				t.Errorf("%v: want %s (%s):\n%s", tt.gnutls, tt.id, tt.text, findingLines(found))
			}
			continue
		}
		found = append(found, InSession(set, Peer{}, libvirt.Release{}, now)...)
		if Refused(found) || !said(found, "key-unchecked") || !said(found, "key-type-new") {
			t.Errorf("%v: want two notes:\n%s", tt.gnutls, findingLines(found))
		}
	}
}

// TestMLDSAIssuer is about an EC key with a certificate that a CA has signed with ML-DSA-44.
func TestMLDSAIssuer(t *testing.T) {
	read := func(name string) File {
		return File{Path: name, Data: must(os.ReadFile(filepath.Join("testdata", "mldsa", name)))}
	}
	for l, want := range map[gnutls.Library]string{library("3.7.9"): "signature-unknown", library("3.8.13"): "signature-unknown", library("3.8.13", leancrypto): "signature-unchecked"} {
		set := Set{Role: Server, CA: read("mldsa-cacert.pem"), CRL: missing("cacrl.pem"), Cert: read("ec-cert.pem"), Key: read("ec-key.pem"), GnuTLS: l}
		found := append(OwnFiles(set, libvirt.Release{}, time.Now()), InSession(set, Peer{}, libvirt.Release{}, time.Now())...)
		if !said(found, want) || Refused(found) != (want == "signature-unknown") {
			t.Errorf("%v: want %s:\n%s", l, want, findingLines(found))
		}
	}
}

// TestMLDSAHalf is about such a key beside a certificate of another kind.
func TestMLDSAHalf(t *testing.T) {
	b := newBench()
	for l, want := range map[gnutls.Library]string{library("3.7.9"): "key-broken", library("3.8.13", leancrypto): "key-mismatch"} {
		set := b.set(nil, nil)
		set.Key, set.GnuTLS = mldsaSet(l).Key, l
		if found := OwnFiles(set, libvirt.Release{}, b.now); !said(found, want) {
			t.Errorf("%v: want %s:\n%s", l, want, findingLines(found))
		}
	}
}

func said(found []Finding, id string) bool {
	return slices.ContainsFunc(found, func(f Finding) bool { return f.ID == id })
}
