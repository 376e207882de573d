package pki_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"

	"virtpki/pki"
)

// newAnswer returns the answer of a CA to one request.
func newAnswer(t testing.TB) *pki.Answer {
	t.Helper()
	ca := newCA(t, pki.EC256)
	leaf, err := ca.Issue(request(t, pki.Server, pki.EC256))
	if err != nil {
		t.Fatal(err)
	}
	answer := &pki.Answer{CRLs: []*pki.CRL{sign(t, ca, pki.CRLRequest{Now: now})}}
	answer.Leafs, answer.CAs = append(answer.Leafs, leaf), append(answer.CAs, ca.Certificate)
	return answer
}

func TestAnswer(t *testing.T) {
	want := newAnswer(t)
	data := want.Encode()
	got, err := pki.ParseAnswer(append([]byte("\xef\xbb\xbfsigned on Monday\n"), data...))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Leafs) != 1 || !got.Leafs[0].Equal(want.Leafs[0]) || len(got.CAs) != 1 || !got.CAs[0].Equal(want.CAs[0]) || len(got.CRLs) != 1 {
		t.Errorf("read %d leafs, %d CAs, %d CRLs", len(got.Leafs), len(got.CAs), len(got.CRLs))
	}
	if !bytes.Equal(got.Encode(), data) {
		t.Error("written again it is another")
	}
}

func TestParseAnswerRefuses(t *testing.T) {
	data := newAnswer(t).Encode()
	key, err := pki.EncodeKey(newKey(t, pki.EC256), nil)
	if err != nil {
		t.Fatal(err)
	}
	other := pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: []byte{0x30, 0}})
	for _, tc := range []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, "neither a certificate nor a CRL"},
		{"cut short", data[:len(data)-30], "damaged: 3 PEM blocks begin, and 2 are whole"},
		{"a line lost", []byte(strings.Replace(string(data), "-----END CERTIFICATE-----\n", "", 1)), "damaged"},
		{"a key", slices.Concat(data, key), "block 4: a private key"},
		{"a request", slices.Concat(csrWith(t, newKey(t, pki.EC256)), data), "block 1: a certificate request"},
		{"something else", slices.Concat(data, other), `"PKCS7" does not belong in a response`},
		{"no certificate in the block", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "block 1: the certificate does not parse"},
		{"no CRL in the block", []byte("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"), "block 1: the CRL does not parse"},
	} {
		if _, err := pki.ParseAnswer(tc.data); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
	if _, err := pki.ParseAnswer(nil); !errors.Is(err, pki.ErrNoAnswer) {
		t.Errorf("nothing: %v, want ErrNoAnswer", err)
	}
}

// FuzzParseAnswer checks that an accepted answer stays the same when it is written again.
func FuzzParseAnswer(f *testing.F) {
	data := newAnswer(f).Encode()
	f.Add(data)
	f.Add(append([]byte("text\n"), data[:len(data)/2]...))
	f.Fuzz(func(t *testing.T, data []byte) {
		answer, err := pki.ParseAnswer(data)
		if err != nil {
			return
		}
		again, err := pki.ParseAnswer(answer.Encode())
		if err != nil || !bytes.Equal(again.Encode(), answer.Encode()) {
			t.Fatalf("written and read again: %v", err)
		}
		for _, ca := range answer.CAs {
			if !ca.IsCA {
				t.Fatalf("%v counts as a CA", ca.Subject)
			}
		}
	})
}
