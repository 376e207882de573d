package pki_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"testing"

	"virtpki/pki"
)

// liveKeys returns one key of each kind that a live certificate may have.
func liveKeys(t testing.TB) map[string]crypto.Signer {
	t.Helper()
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]crypto.Signer{"P-521": p521}
	for _, keyType := range []pki.KeyType{pki.EC256, pki.EC384, pki.Ed25519, pki.RSA2048} {
		keys[string(keyType)] = newKey(t, keyType)
	}
	return keys
}

// certify signs a certificate for a key.
func certify(t testing.TB, ca *pki.CA, name string, key crypto.Signer) *x509.Certificate {
	t.Helper()
	cert, err := ca.Issue(pki.Request{Role: pki.Server, RawSubject: subject(name), PublicKey: key.Public(), DNSNames: []string{name}, Now: now, Validity: pki.DefaultLeafValidity})
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func newCSR(t testing.TB, name string, key crypto.Signer) *pki.CSR {
	t.Helper()
	csr, err := pki.NewCSR(pki.CSRRequest{Role: pki.Server, RawSubject: subject(name), DNSNames: []string{name}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

// reread writes a request and reads it again, as the CA gets it.
func reread(t testing.TB, csr *pki.CSR) *pki.CSR {
	t.Helper()
	csrs, err := pki.ParseCSRs(pki.EncodeCSRs(csr))
	if err != nil || len(csrs) != 1 {
		t.Fatalf("%d requests, %v", len(csrs), err)
	}
	return csrs[0]
}

// A proof is good for one request and one certificate, for any key. Making it again gives the same
// bytes.
func TestKeyProof(t *testing.T) {
	ca := newCA(t, pki.EC256)
	fresh := newKey(t, pki.EC256)
	for name, key := range liveKeys(t) {
		live := certify(t, ca, "hv1", key)
		made, again := newCSR(t, "hv1", fresh), newCSR(t, "hv1", fresh)
		for _, csr := range []*pki.CSR{made, again} {
			if err := csr.Prove(live, key); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if !bytes.Equal(pki.EncodeCSRs(made), pki.EncodeCSRs(again)) {
			t.Errorf("%s: a second proof differs", name)
		}
		csr := reread(t, made)
		if len(csr.Proofs) != 1 || !csr.ProvenBy(live) || csr.Check() != nil {
			t.Errorf("%s: %d proofs, proven %v, %v", name, len(csr.Proofs), csr.ProvenBy(live), csr.Check())
		}
		if successor := certify(t, ca, "hv1", key); csr.ProvenBy(successor) {
			t.Errorf("%s: proven for another serial of the same key", name)
		}
		if err := made.Prove(live, fresh); err == nil {
			t.Errorf("%s: proven with another key", name)
		}
	}
}

// A proof has to be refused for each of the certificates here.
func TestKeyProofRefused(t *testing.T) {
	ca, other := newCA(t, pki.EC256), newCA(t, pki.EC256)
	key, fresh := newKey(t, pki.EC256), newKey(t, pki.EC256)
	live := certify(t, ca, "hv1", key)
	csr := newCSR(t, "hv1", fresh)
	if err := csr.Prove(live, key); err != nil {
		t.Fatal(err)
	}
	proof := pki.EncodeCSRs(csr)[len(pki.EncodeCSRs(newCSR(t, "hv1", fresh))):]
	beside := func(csr *pki.CSR) *pki.CSR {
		csrs, err := pki.ParseCSRs(slices.Concat(proof, pki.EncodeCSRs(csr), proof))
		if err != nil {
			t.Fatal(err)
		}
		return csrs[0]
	}
	alike := *live // the same issuer and serial, another key
	alike.PublicKey = fresh.Public()
	moved := *live // the same key and serial, of another CA
	moved.RawIssuer = subject("Other CA")
	odd := *live
	odd.PublicKey = "no key"
	for name, tc := range map[string]struct {
		csr  *pki.CSR
		cert *x509.Certificate
		want bool
	}{
		"its request":                  {beside(newCSR(t, "hv1", fresh)), live, true},
		"another name":                 {beside(newCSR(t, "hv2", fresh)), live, false},
		"another new key":              {beside(newCSR(t, "hv1", newKey(t, pki.EC256))), live, false},
		"another certificate":          {csr, certify(t, ca, "hv1", key), false},
		"a certificate of another CA":  {csr, certify(t, other, "hv1", key), false},
		"the serial, of another CA":    {csr, &moved, false},
		"the serial, with another key": {csr, &alike, false},
		"a key of an unknown kind":     {csr, &odd, false},
		"no proof":                     {newCSR(t, "hv1", fresh), live, false},
	} {
		if got := tc.csr.ProvenBy(tc.cert); got != tc.want {
			t.Errorf("%s: proven %v, want %v", name, got, tc.want)
		}
	}
}

// withProof replaces the proof of a request by other bytes.
func withProof(csr *pki.CSR, der []byte) []byte {
	bare := *csr
	bare.Proofs = nil
	return append(pki.EncodeCSRs(&bare), pem.EncodeToMemory(&pem.Block{Type: "VIRTPKI KEY PROOF", Bytes: der})...)
}

// proofDER returns the proof of a request.
func proofDER(t testing.TB, csr *pki.CSR) []byte {
	t.Helper()
	_, rest := pem.Decode(pki.EncodeCSRs(csr))
	block, _ := pem.Decode(rest)
	if block == nil || block.Type != "VIRTPKI KEY PROOF" {
		t.Fatal("no proof behind the request")
	}
	return block.Bytes
}

func TestKeyProofBytes(t *testing.T) {
	ca, key := newCA(t, pki.EC256), newKey(t, pki.Ed25519)
	live := certify(t, ca, "hv1", key)
	csr := newCSR(t, "hv1", newKey(t, pki.EC256))
	if err := csr.Prove(live, key); err != nil {
		t.Fatal(err)
	}
	good := proofDER(t, csr)
	for i := range good {
		changed := slices.Clone(good)
		changed[i] ^= 0x55
		csrs, err := pki.ParseCSRs(withProof(csr, changed))
		if err == nil && csrs[0].ProvenBy(live) {
			t.Errorf("byte %d changed, and nobody notices", i)
		}
	}
	version := bytes.Index(good, []byte{2, 1, 1})
	next := slices.Clone(good)
	next[version+2] = 2
	if csrs, err := pki.ParseCSRs(withProof(csr, next)); err != nil || len(csrs[0].Proofs) != 0 {
		t.Errorf("a proof of version 2: %v, want none and no error", err)
	}
	for name, der := range map[string][]byte{
		"nothing": {}, "a sequence": {0x30, 0}, "cut short": good[:len(good)-1], "something behind": append(slices.Clone(good), 0),
		"a claim alone": {0x30, 5, 0x30, 3, 2, 1, 1},
	} {
		if _, err := pki.ParseCSRs(withProof(csr, der)); err == nil || !strings.Contains(err.Error(), "a key proof is malformed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := pki.ParseAnswer(withProof(csr, good)[len(pki.EncodeCSRs(newCSR(t, "hv1", key))):]); err == nil {
		t.Error("a proof is taken for an answer")
	}
}

// FuzzKeyProof checks that a key proves a request only if it has signed for these very bytes, and
// that an accepted proof is the same when written again.
func FuzzKeyProof(f *testing.F) {
	ca, fresh := newCA(f, pki.EC256), newKey(f, pki.EC256)
	var lives []*x509.Certificate
	honest := make(map[string]bool)
	for _, keyType := range []pki.KeyType{pki.EC256, pki.EC384, pki.Ed25519, pki.RSA2048} {
		key := newKey(f, keyType)
		live := certify(f, ca, "hv1", key)
		lives = append(lives, live)
		csr := newCSR(f, "hv1", fresh)
		if err := csr.Prove(live, key); err != nil {
			f.Fatal(err)
		}
		honest[string(csr.Raw)] = true
		f.Add(pki.EncodeCSRs(newCSR(f, "hv2", fresh)), proofDER(f, csr))
		f.Add(pki.EncodeCSRs(csr), proofDER(f, csr))
	}
	f.Fuzz(func(t *testing.T, requests, proof []byte) {
		data := append(slices.Clone(requests), pem.EncodeToMemory(&pem.Block{Type: "VIRTPKI KEY PROOF", Bytes: proof})...)
		csrs, err := pki.ParseCSRs(data)
		if err != nil {
			return
		}
		again, err := pki.ParseCSRs(pki.EncodeCSRs(csrs...))
		if err != nil || len(again) != len(csrs) {
			t.Fatalf("%d requests, written and read again %d, %v", len(csrs), len(again), err)
		}
		for i, csr := range csrs {
			for _, live := range lives {
				if csr.ProvenBy(live) && !honest[string(csr.Raw)] {
					t.Fatalf("proven by a key that has not signed for it: %x", csr.Raw)
				}
				if csr.ProvenBy(live) != again[i].ProvenBy(live) {
					t.Fatal("written and read again it is proven otherwise")
				}
			}
		}
	})
}

// Each proof costs the CA a verification: if a request has too many, none is verified.
func TestKeyProofsAreFew(t *testing.T) {
	ca, key := newCA(t, pki.EC256), newKey(t, pki.EC256)
	csr := newCSR(t, "hv1", newKey(t, pki.EC256))
	for range pki.MaxKeyProofs {
		if err := csr.Prove(certify(t, ca, "hv1", key), key); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pki.ParseCSRs(pki.EncodeCSRs(csr)); err != nil {
		t.Error(err)
	}
	if err := csr.Prove(certify(t, ca, "hv1", key), key); err != nil {
		t.Fatal(err)
	}
	if _, err := pki.ParseCSRs(pki.EncodeCSRs(csr)); err == nil {
		t.Error("a proof too many is taken")
	}
}
