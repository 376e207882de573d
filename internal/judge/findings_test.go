package judge

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"virtpki/internal/gnutls"
	"virtpki/internal/libvirt"
)

// bench makes one sound set, and then sets with any fault.
type bench struct {
	now  time.Time
	next int64
}

func newBench() *bench { return &bench{now: time.Now(), next: 10} }

type edit func(*certSpec)

func (b *bench) cert(subject string, key testKey, issuer *identity, edits ...edit) identity {
	b.next++
	c := certSpec{subject: name(subject), serial: big.NewInt(b.next), key: key, notBefore: b.now.Add(-48 * time.Hour), notAfter: b.now.Add(48 * time.Hour)}
	c.issuer = c.subject
	signer := key
	if issuer != nil {
		c.issuer, signer = issuer.spec.subject, issuer.key
	}
	for _, e := range edits {
		e(&c)
	}
	return identity{c.sign(signer), c, key}
}

func with(exts ...testExt) edit { return func(c *certSpec) { c.exts = exts } }

func (b *bench) ca(edits ...edit) identity {
	edits = append([]edit{with(extBC(true, true, -1), extKU(true, 0x06))}, edits...)
	return b.cert("O=Lab,CN=Lab CA", keyring()["p256"][0], nil, edits...)
}

func (b *bench) leaf(issuer identity, edits ...edit) identity {
	san := extSAN(altName{kind: altDNS, value: []byte("hv1.lab.example")})
	edits = append([]edit{with(extBC(true, false, -1), san)}, edits...)
	return b.cert("O=Lab,CN=hv1", keyring()["p256"][1], &issuer, edits...)
}

// set is the files of a CA and a leaf of it.
func (b *bench) set(ca []edit, leaf []edit) Set {
	root := b.ca(ca...)
	return setOf(Server, "", b.leaf(root, leaf...), root)
}

func expired(c *certSpec) { c.notAfter = time.Now().Add(-time.Hour) }
func future(c *certSpec)  { c.notBefore = time.Now().Add(time.Hour) }

func withKey(kind string, n int) edit { return func(c *certSpec) { c.key = keyring()[kind][n] } }

// findingCases make each finding happen: target is a release for which it is an error, or at least
// a finding.
var findingCases = []struct {
	id, target string
	set        func(b *bench) Set
}{
	{"cert-unreadable", "", func(b *bench) Set {
		s := b.set(nil, nil)
		s.Cert = File{Path: "c", Err: errors.New("is a directory")}
		return s
	}},
	{"ca-unreadable", "", func(b *bench) Set {
		s := b.set(nil, nil)
		s.CA = File{Path: "c", Err: errors.New("is a directory")}
		return s
	}},
	{"key-unreadable", "", func(b *bench) Set {
		s := b.set(nil, nil)
		s.Key = File{Path: "c", Err: errors.New("is a directory")}
		return s
	}},
	{"crl-unreadable", "", func(b *bench) Set {
		s := b.set(nil, nil)
		s.CRL = File{Path: "c", Err: errors.New("is a directory")}
		return s
	}},
	{"cert-too-large", "", func(b *bench) Set {
		s := b.set(nil, nil)
		s.Cert.Data = append(s.Cert.Data, make([]byte, 65536)...)
		return s
	}},
	{"ca-too-large", "", func(b *bench) Set {
		s := b.set(nil, nil)
		s.CA.Data = append(s.CA.Data, make([]byte, 65536)...)
		return s
	}},
	{"cert-not-pem", "", func(b *bench) Set { s := b.set(nil, nil); s.Cert.Data = []byte{}; return s }},
	{"cert-broken", "", func(b *bench) Set { s := b.set(nil, nil); s.Cert.Data = s.Cert.Data[:200]; return s }},
	{"ca-not-pem", "", func(b *bench) Set { s := b.set(nil, nil); p, _ := pem.Decode(s.CA.Data); s.CA.Data = p.Bytes; return s }},
	{"ca-broken", "", func(b *bench) Set { s := b.set(nil, nil); s.CA.Data = append(s.CA.Data, s.CA.Data[:99]...); return s }},
	{"cert-missing", "", func(b *bench) Set { s := b.set(nil, nil); s.Cert = missing("cert.pem"); return s }},
	{"ca-missing", "", func(b *bench) Set { s := b.set(nil, nil); s.CA = missing("cacert.pem"); return s }},
	{"key-missing", "", func(b *bench) Set { s := b.set(nil, nil); s.Key = missing("key.pem"); return s }},
	{"pair-missing", "", func(b *bench) Set { s := b.client(); s.Cert, s.Key = missing("cert.pem"), missing("key.pem"); return s }},
	{"pair-half", "libvirt-12.8", func(b *bench) Set { s := b.client(); s.Key = missing("key.pem"); return s }},
	{"cert-expired", "", func(b *bench) Set { return b.set(nil, []edit{expired}) }},
	{"cert-future", "", func(b *bench) Set { return b.set(nil, []edit{future}) }},
	{"cert-is-ca", "", func(b *bench) Set { return b.set(nil, []edit{with(extBC(true, true, -1))}) }},
	{"cert-constraints-broken", "", func(b *bench) Set { return b.set(nil, []edit{with(ext(idBasicConstraints, false, []byte{5, 0}))}) }},
	{"cert-usage-broken", "", func(b *bench) Set { return b.set(nil, []edit{with(ext(idKeyUsage, true, []byte{5, 0}))}) }},
	{"cert-usage-signature", "", func(b *bench) Set { return b.set(nil, []edit{with(extKU(true, 0x20))}) }},
	{"cert-usage-encipherment", "libvirt-9.0", func(b *bench) Set { return b.set(nil, []edit{with(extKU(true, 0x80))}) }},
	{"cert-usage-signature-noncritical", "", func(b *bench) Set { return b.set(nil, []edit{with(extKU(false, 0x20))}) }},
	{"cert-usage-encipherment-noncritical", "libvirt-7.0", func(b *bench) Set { return b.set(nil, []edit{with(extKU(false, 0x80))}) }},
	{"cert-purpose", "", func(b *bench) Set { return b.set(nil, []edit{with(extEKU(true, gnutls.OIDClientAuth))}) }},
	{"cert-purpose-noncritical", "", func(b *bench) Set { return b.set(nil, []edit{with(extEKU(false, gnutls.OIDClientAuth))}) }},
	{"cert-purpose-any", "libvirt-12.8", func(b *bench) Set { return b.set(nil, []edit{with(extEKU(true, gnutls.OIDAnyPurpose))}) }},
	{"cert-purpose-any-noncritical", "libvirt-12.8", func(b *bench) Set { return b.set(nil, []edit{with(extEKU(false, gnutls.OIDAnyPurpose))}) }},
	{"cert-purpose-foreign", "libvirt-12.8", func(b *bench) Set { return b.set(nil, []edit{with(extEKU(true, "1.3.6.1.5.5.7.3.3"))}) }},
	{"cert-purpose-broken", "", func(b *bench) Set { return b.set(nil, []edit{with(ext(idExtKeyUsage, false, []byte{5, 0}))}) }},
	{"ca-expired", "", func(b *bench) Set { return b.set([]edit{expired}, nil) }},
	{"ca-future", "", func(b *bench) Set { return b.set([]edit{future}, nil) }},
	{"ca-no-constraints", "", func(b *bench) Set { return b.set([]edit{with(extKU(true, 0x06))}, nil) }},
	{"ca-constraints-broken", "", func(b *bench) Set { return b.set([]edit{with(ext(idBasicConstraints, false, []byte{5, 0}))}, nil) }},
	{"ca-not-ca", "", func(b *bench) Set { return b.set([]edit{with(extBC(true, false, -1))}, nil) }},
	{"ca-usage", "", func(b *bench) Set { return b.set([]edit{with(extBC(true, true, -1), extKU(true, 0x02))}, nil) }},
	{"ca-usage-noncritical", "", func(b *bench) Set { return b.set([]edit{with(extBC(true, true, -1), extKU(false, 0x02))}, nil) }},
	{"ca-usage-broken", "", func(b *bench) Set {
		return b.set([]edit{with(extBC(true, true, -1), ext(idKeyUsage, true, []byte{5, 0}))}, nil)
	}},
	{"ca-too-many", "libvirt-9.0", func(b *bench) Set { s := b.set(nil, nil); s.CA.Data = bytes.Repeat(s.CA.Data, 17); return s }},
	{"root-missing", "qemu-10.2", func(b *bench) Set {
		root := b.ca()
		middle := b.middle(root)
		return setOf(Server, "", b.leaf(middle), middle)
	}},
	{"chain-order", "qemu-10.2", func(b *bench) Set {
		root := b.ca()
		middle := b.middle(root)
		leaf := b.leaf(middle)
		s := setOf(Server, "", leaf, root)
		s.Cert = pemOf("cert.pem", leaf, root, middle)
		return s
	}},
	{"issuer-missing", "libvirt-9.0", func(b *bench) Set { root := b.ca(); return setOf(Server, "", b.leaf(b.middle(root)), root) }},
	{"issuer-too-late", "libvirt-9.0", func(b *bench) Set {
		root := b.ca()
		s := setOf(Server, "", b.leaf(root), b.middle(root))
		s.CA.Data = append(bytes.Repeat(s.CA.Data, 16), pemBlock("CERTIFICATE", root.der)...)
		return s
	}},
	{"issuer-in-cert-file", "libvirt-9.0", func(b *bench) Set {
		root := b.ca()
		middle := b.middle(root)
		leaf := b.leaf(middle)
		s := setOf(Server, "", leaf, root)
		s.Cert = pemOf("cert.pem", leaf, middle)
		return s
	}},
	{"issuer-other-key", "", func(b *bench) Set {
		id := func(n byte) edit { return with(extBC(true, true, -1), extSKI([]byte{n})) }
		return setOf(Server, "", b.leaf(b.ca(id(1)), with(extAKI([]byte{1}))), b.ca(id(2)))
	}},
	{"issuer-not-ca", "", func(b *bench) Set { return b.set([]edit{with(extBC(true, false, -1))}, nil) }},
	{"issuer-usage", "", func(b *bench) Set { return b.set([]edit{with(extBC(true, true, -1), extKU(false, 0x02))}, nil) }},
	{"name-constraints", "", func(b *bench) Set {
		return b.set([]edit{with(extBC(true, true, -1), extNC(sanNames([]string{"DNS:example.com"}), nil))}, nil)
	}},
	{"name-constraints", "", func(b *bench) Set { // a CN of 256 bytes: it is not compared
		elsewhere := extNC(nil, sanNames([]string{"DNS:example.com"}))
		return b.set([]edit{with(extBC(true, true, -1), elsewhere)}, []edit{with(), func(c *certSpec) { c.subject = name("CN=" + strings.Repeat("x", 256)) }})
	}},
	{"name-constraints", "", func(b *bench) Set { // a URI of 256 bytes, beside names that are permitted
		san := extSAN(altName{kind: altDNS, value: []byte("hv1.lab.example")}, altName{kind: altURI, value: bytes.Repeat([]byte("x"), 256)})
		return b.set([]edit{with(extBC(true, true, -1), extNC(sanNames([]string{"DNS:lab.example"}), nil))}, []edit{with(san)})
	}},
	{"path-length", "qemu-10.2", func(b *bench) Set {
		root := b.ca(with(extBC(true, true, 0)))
		middle := b.middle(root)
		leaf := b.leaf(middle)
		s := setOf(Server, "", leaf, root)
		s.Cert = pemOf("cert.pem", leaf, middle)
		return s
	}},
	{"signature-wrong", "", func(b *bench) Set { return b.set(nil, []edit{func(c *certSpec) { c.spoil = true }}) }},
	{"signature-unknown", "", func(b *bench) Set { return b.unknownSignature() }},
	{"signature-insecure", "", func(b *bench) Set { return b.set(nil, []edit{func(c *certSpec) { c.hash = crypto.SHA1 }}) }},
	{"signature-unchecked", "", func(b *bench) Set { return ed448Set() }},
	{"key-unchecked", "", func(b *bench) Set { return ed448Set() }},
	{"extension-unknown", "", func(b *bench) Set { return b.set(nil, []edit{with(ext("1.2.3.4", true, []byte{5, 0}))}) }},
	{"crl-missing", "", func(b *bench) Set { return b.set(nil, nil) }},
	{"crl-not-pem", "", func(b *bench) Set { s := b.set(nil, nil); s.CRL = File{Path: "crl", Data: []byte{}}; return s }},
	{"crl-broken", "", func(b *bench) Set { return b.withCRL(crlSpec{}, func(d []byte) []byte { return d[:len(d)/2] }) }},
	{"crl-expired", "", func(b *bench) Set { return b.withCRL(crlSpec{next: b.now.Add(-time.Minute)}, nil) }},
	{"crl-future", "", func(b *bench) Set { return b.withCRL(crlSpec{this: b.now.Add(time.Hour)}, nil) }},
	{"crl-signature", "", func(b *bench) Set { return b.withCRL(crlSpec{spoil: true}, nil) }},
	{"crl-foreign", "", func(b *bench) Set { return b.withCRL(crlSpec{issuer: name("CN=nobody")}, nil) }},
	{"crl-superseded", "", func(b *bench) Set { return b.withCRL(crlSpec{}, func(d []byte) []byte { return append(d, d...) }) }},
	{"crl-delta", "", func(b *bench) Set { s := b.set(nil, nil); s.CRL = File{Path: "crl", Data: deltaCRL()}; return s }},
	{"key-broken", "", func(b *bench) Set { s := b.set(nil, nil); s.Key.Data = s.Cert.Data; return s }},
	{"key-encrypted", "", func(b *bench) Set { s := b.set(nil, nil); s.Key.Data = []byte(encryptedKey); return s }},
	{"key-mismatch", "", func(b *bench) Set { s := b.set(nil, nil); s.Key = keyFileOf("k", keyring()["p256"][3]); return s }},
	{"key-mismatch-unseen", "", func(b *bench) Set {
		s := b.set(nil, []edit{withKey("ed25519", 0)})
		s.Key = keyFileOf("k", keyring()["ed25519"][1])
		return s
	}},
	{"key-type-unknown", "", func(b *bench) Set { return unknownCurve(b.set(nil, nil)) }},
	{"key-type-new", "", func(b *bench) Set { return mldsaSet(library("3.8.13", leancrypto)) }},
	{"key-weak", "", func(b *bench) Set { return b.keyed("rsa768") }},
	{"key-not-for-tls", "", func(b *bench) Set { return b.keyed("p224") }},
	{"no-certificate", "", func(b *bench) Set { s := b.client(); s.Cert = missing("c"); return s }},
	{"session-issuer-missing", "", func(b *bench) Set { return setOf(Client, "", b.leaf(b.ca()), b.middle(b.ca())) }},
	{"cert-revoked", "", func(b *bench) Set {
		s := b.withCRL(crlSpec{serials: []*big.Int{big.NewInt(12)}}, nil)
		s.Role = Client
		return s
	}},
	{"cert-usage-handshake", "", func(b *bench) Set { return b.set(nil, []edit{with(extKU(false, 0x20))}) }},
	{"cert-usage-old-tls", "", func(b *bench) Set {
		root := b.ca()
		return setOf(Server, "", b.cert("CN=x", keyring()["rsa2048"][0], &root, with(extKU(false, 0x20))), root)
	}},
	{"subject-empty", "", func(b *bench) Set { return b.set(nil, []edit{func(c *certSpec) { c.subject = name("") }}) }},
	{"subject-unreadable", "libvirt-9.0", func(b *bench) Set {
		return b.set(nil, []edit{func(c *certSpec) { c.subject = []byte{0x30, 0xb, 0x31, 9, 0x30, 7, 6, 3, 0x55, 4, 3, 0xc, 0} }})
	}},
	{"subject-long", "libvirt-7.0", func(b *bench) Set {
		return b.set(nil, []edit{func(c *certSpec) { c.subject = name("CN=" + strings.Repeat("x", 300)) }})
	}},
	{"dn-refused", "", func(b *bench) Set { s := b.client(); return s }},
	{"name-mismatch", "", func(b *bench) Set { return b.set(nil, nil) }},
}

func (b *bench) client() Set { s := b.set(nil, nil); s.Role = Client; return s }

func (b *bench) middle(root identity) identity {
	return b.cert("O=Lab,CN=Middle", keyring()["p256"][4], &root, with(extBC(true, true, -1), extKU(true, 0x06)))
}

func (b *bench) keyed(kind string) Set {
	root := b.ca()
	return setOf(Server, "", b.cert("CN=x", keyring()[kind][0], &root), root)
}

func (b *bench) withCRL(c crlSpec, change func([]byte) []byte) Set {
	root := b.ca()
	if c.issuer == nil {
		c.issuer = root.spec.subject
	}
	if c.this.IsZero() {
		c.this = b.now.Add(-time.Hour)
	}
	if c.next.IsZero() {
		c.next = b.now.Add(time.Hour)
	}
	s := setOf(Server, "", b.leaf(root), root)
	s.CRL = File{Path: "crl", Data: pemBlock("X509 CRL", c.sign(root.key))}
	if change != nil {
		s.CRL.Data = change(s.CRL.Data)
	}
	return s
}

// deltaCRL has a deltaCRLIndicator; GnuTLS does not check who signed it.
func deltaCRL() []byte {
	key := ecKey("p256", elliptic.P256())
	a := key.algorithm(crypto.SHA256)
	tbs := der(struct {
		Version int
		A       algorithmIdentifier
		Issuer  any
		This    time.Time
		Exts    []testExt `asn1:"explicit,tag:0"`
	}{1, a, raw(name("CN=x")), time.Now().Add(-time.Hour).UTC(), []testExt{ext("2.5.29.27", true, []byte{2, 1, 1})}})
	return pemBlock("X509 CRL", signed(key, a, crypto.SHA256, tbs, false))
}

// unknownSignature gives a leaf an algorithm that GnuTLS has never heard of.
func (b *bench) unknownSignature() Set {
	s := b.set(nil, nil)
	block, _ := pem.Decode(s.Cert.Data)
	ecdsa256 := der(oid("1.2.840.10045.4.3.2"))
	s.Cert.Data = pemBlock("CERTIFICATE", bytes.ReplaceAll(block.Bytes, ecdsa256, der(oid("1.2.840.10045.4.3.9"))))
	return s
}

// unknownCurve turns a P-256 key's curve into one that GnuTLS does not know.
func unknownCurve(s Set) Set {
	block, _ := pem.Decode(s.Cert.Data)
	s.Cert.Data = pemBlock("CERTIFICATE", bytes.ReplaceAll(block.Bytes, der(oid("1.2.840.10045.3.1.7")), der(oid("1.2.840.10045.3.1.9"))))
	return s
}

// sayAll returns all findings on a set, with peers that use another name for it and have another
// list.
func sayAll(s Set, target libvirt.Release) []Finding {
	now := time.Now()
	said := OwnFiles(s, target, now)
	return append(said, InSession(s, Peer{Names: []string{"elsewhere"}, DNList: []string{"CN=nobody"}}, target, now)...)
}

func TestFindings(t *testing.T) {
	entries := map[string]bool{}
	for _, e := range CertCatalogue() {
		entries[e.ID] = false
	}
	for _, c := range findingCases {
		t.Run(c.id, func(t *testing.T) {
			said := sayAll(c.set(newBench()), targetOf(t, c.target))
			if !slices.ContainsFunc(said, func(f Finding) bool { return f.ID == c.id }) {
				t.Errorf("not said:\n%s", findingLines(said))
			}
			for _, f := range said {
				if _, known := entries[f.ID]; !known {
					t.Errorf("%s does not stand in the catalogue", f.ID)
				}
				if f.Text == "" || f.Level == "" || f.Stage == "" || strings.Contains(f.Text, "%!") {
					t.Errorf("finding %+v", f)
				}
			}
			entries[c.id] = true
		})
	}
	for id, made := range entries {
		if !made {
			t.Errorf("no case makes %s", id)
		}
	}
}
