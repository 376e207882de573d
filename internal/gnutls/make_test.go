package gnutls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	cryptorand "crypto/rand"

	"virtpki/dn"
)

// certificate makes one, signed by itself. crypto/x509 writes the extensions as they are,
// without looking into them.
func certificate(t *testing.T, subject string, exts ...pkix.Extension) []byte {
	t.Helper()
	name, err := dn.Encode(subject)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), RawSubject: name, BasicConstraintsValid: true, ExtraExtensions: exts,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(cryptorand.Reader, template, template, key().Public(), key())
	if err != nil {
		t.Fatal(err)
	}
	return der
}

var key = sync.OnceValue(func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	if err != nil {
		panic(err)
	}
	return key
})

func sanOf(t *testing.T, names []generalName) pkix.Extension {
	t.Helper()
	list := []asn1.RawValue{}
	for _, n := range names {
		list = append(list, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: n.kind, Bytes: n.value})
	}
	return extensionOf(t, "2.5.29.17", false, list)
}

func purposesOf(t *testing.T, critical bool, purpose string) pkix.Extension {
	t.Helper()
	return extensionOf(t, "2.5.29.37", critical, []asn1.ObjectIdentifier{oidOf(t, purpose)})
}

func extensionOf(t *testing.T, id string, critical bool, content any) pkix.Extension {
	t.Helper()
	value, err := asn1.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: oidOf(t, id), Critical: critical, Value: value}
}

func oidOf(t *testing.T, dotted string) asn1.ObjectIdentifier {
	t.Helper()
	var id asn1.ObjectIdentifier
	for _, part := range strings.Split(dotted, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			t.Fatal(err)
		}
		id = append(id, n)
	}
	return id
}

// generator makes random choices.
type generator struct{ *rand.Rand }

func (g *generator) chance(p float64) bool { return g.Float64() < p }

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

// amount returns the number of cases that a random test tries, and its seed: VIRTPKI_SETS and
// VIRTPKI_SEED change them.
func amount(t *testing.T, usual int) (n int, seed uint64) {
	t.Helper()
	n, seed = usual, uint64(time.Now().UnixNano())
	for name, into := range map[string]any{"VIRTPKI_SETS": &n, "VIRTPKI_SEED": &seed} {
		if text := os.Getenv(name); text != "" {
			if _, err := fmt.Sscan(text, into); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d cases, VIRTPKI_SEED=%d", n, seed)
	return n, seed
}
