//go:debug rsa1024min=0

package judge

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"math/big"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"virtpki/internal/gnutls"
)

// A generator makes random sets of files. Most are sound, and the others have one or a few faults
// of every kind that the rules describe.

// keyring holds the keys for all sets; making new ones for each set would be slow.
var keyring = sync.OnceValue(func() map[string][]testKey {
	ring := map[string][]testKey{}
	add := func(kind string, count int, generate func() testKey) {
		for range count {
			ring[kind] = append(ring[kind], generate())
		}
	}
	add("p256", 6, func() testKey { return ecKey("p256", elliptic.P256()) })
	add("p224", 2, func() testKey { return ecKey("p224", elliptic.P224()) })
	add("p384", 2, func() testKey { return ecKey("p384", elliptic.P384()) })
	add("p521", 2, func() testKey { return ecKey("p521", elliptic.P521()) })
	add("ed25519", 3, edKey)
	add("rsa2048", 3, func() testKey { return rsaKey(2048) })
	add("rsa1024", 2, func() testKey { return rsaKey(1024) })
	add("rsa768", 2, func() testKey { return rsaKey(768) })
	add("rsapss", 2, func() testKey { k := rsaKey(2048); k.name, k.pss = "rsapss", true; return k })
	return ring
})

type generator struct {
	*rand.Rand
	now time.Time
	// odd is the probability of an odd choice.
	odd float64
}

func newGenerator(seed uint64, now time.Time) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 1)), now: now.Truncate(time.Second), odd: odd()}
}

// odd is the frequency of odd choices; VIRTPKI_ODD changes it.
func odd() float64 {
	if p, err := strconv.ParseFloat(os.Getenv("VIRTPKI_ODD"), 64); err == nil {
		return p
	}
	return 0.04
}

func (g *generator) chance(p float64) bool { return g.Float64() < p }
func (g *generator) strange() bool         { return g.chance(g.odd) }

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

func (g *generator) key() testKey {
	kind := "p256"
	if g.chance(0.4) {
		kind = pick(g, "p256", "p384", "p521", "ed25519", "rsa2048", "rsa2048", "rsapss", "rsa1024", "rsa768", "p224")
	}
	return pick(g, keyring()[kind]...)
}

// identity is a CA or leaf as made, with its key.
type identity struct {
	der  []byte
	spec certSpec
	key  testKey
}

// times returns a period of validity: mostly a current one, sometimes an expired or a future one.
func (g *generator) times(c *certSpec) {
	c.notBefore, c.notAfter = g.now.Add(-48*time.Hour), g.now.Add(365*24*time.Hour)
	if !g.strange() {
		return
	}
	switch g.IntN(4) {
	case 0:
		c.notAfter = g.now.Add(-time.Hour)
	case 1:
		c.notBefore = g.now.Add(24 * time.Hour)
	case 2:
		c.notAfter = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	case 3:
		c.notBefore = time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC)
	}
}

func (g *generator) hash() crypto.Hash {
	if g.strange() {
		return pick(g, crypto.SHA1, crypto.MD5, crypto.SHA512, crypto.SHA384)
	}
	return crypto.SHA256
}

func (g *generator) serial() *big.Int {
	switch g.IntN(12) {
	case 0:
		return big.NewInt(-1 - g.Int64N(1000))
	case 1:
		return big.NewInt(0)
	}
	return new(big.Int).SetUint64(g.Uint64())
}

// ca makes a CA, self-signed if issuer is nil.
func (g *generator) ca(subject string, key testKey, issuer *identity) identity {
	c := certSpec{subject: name(subject), serial: g.serial(), key: key, hash: g.hash()}
	g.times(&c)
	c.issuer = c.subject
	signer := key
	if issuer != nil {
		c.issuer, signer = issuer.spec.subject, issuer.key
	}
	c.exts = g.caExtensions(c, issuer)
	if g.chance(g.odd / 4) {
		c.version, c.exts = 1, nil
	}
	return identity{c.sign(signer), c, key}
}

func (g *generator) caExtensions(c certSpec, issuer *identity) []testExt {
	var exts []testExt
	switch {
	case !g.strange():
		exts = append(exts, extBC(g.chance(0.8), true, pick(g, -1, -1, -1, 0, 1)))
	case g.chance(0.5):
		exts = append(exts, extBC(true, false, -1))
	}
	switch {
	case !g.strange():
		exts = append(exts, extKU(true, 0x06))
	case g.chance(0.7):
		exts = append(exts, extKU(g.chance(0.5), pick(g, byte(0x04), 0x80, 0x02, 0)))
	}
	if g.chance(0.5) {
		exts = append(exts, extSKI(keyID(c.key)))
	}
	if issuer != nil && g.chance(0.5) {
		exts = append(exts, extAKI(keyID(issuer.key)))
	}
	if g.strange() {
		exts = append(exts, g.nameConstraints())
	}
	return append(exts, g.oddExtensions()...)
}

func (g *generator) nameConstraints() testExt {
	names := []altName{{kind: altDNS, value: []byte("example.com")}, {kind: altDNS, value: []byte(".lab")}, {kind: altDNS, value: []byte("host")},
		{kind: altIP, value: []byte{127, 0, 0, 0, 255, 0, 0, 0}}, {kind: altEmail, value: []byte("example.com")}, {kind: altURI, value: []byte("x.example")},
		{kind: altDN, value: name("O=x")}, {kind: altDNS, value: nil}, {kind: altIP, value: []byte{127, 0, 0, 0, 255, 0, 255, 0}}}
	var permitted, excluded []altName
	for range 1 + g.IntN(2) {
		permitted = append(permitted, pick(g, names...))
	}
	if g.chance(0.4) {
		excluded = append(excluded, pick(g, names...))
	}
	return extNC(permitted, excluded)
}

func (g *generator) oddExtensions() []testExt {
	if !g.strange() {
		return nil
	}
	return []testExt{pick(g, ext("1.2.3.4", true, []byte{5, 0}), ext("1.2.3.4", false, []byte{5, 0}), ext("2.5.29.36", true, []byte{0x30, 0}),
		ext("2.5.29.32", true, []byte{0x30, 0}), ext("2.5.29.54", true, []byte{2, 1, 0}), ext(idIssuerAltName, true, []byte{0x30, 0}))}
}

func keyID(k testKey) []byte { return hashOf(crypto.SHA1, k.spki()) }

// leaf makes a certificate for a role.
func (g *generator) leaf(role Role, key testKey, issuer identity) identity {
	c := certSpec{subject: name(g.subject()), issuer: issuer.spec.subject, serial: g.serial(), key: key, hash: g.hash(), spoil: g.chance(g.odd / 2)}
	g.times(&c)
	c.exts = append(g.leafUsage(role), g.altNames(role)...)
	if g.chance(0.5) {
		c.exts = append(c.exts, extSKI(keyID(key)))
	}
	switch {
	case g.chance(0.5):
		c.exts = append(c.exts, extAKI(keyID(issuer.key)))
	case g.strange():
		c.exts = append(c.exts, extAKI([]byte{1, 2, 3}))
	}
	c.exts = append(c.exts, g.oddExtensions()...)
	if g.chance(g.odd / 4) {
		c.version, c.exts = pick(g, 1, 3), nil
	}
	if g.chance(g.odd/4) && len(c.exts) > 0 {
		c.exts = append(c.exts, c.exts[0])
	}
	signer := issuer.key
	if g.chance(g.odd / 2) {
		signer = g.key()
	}
	return identity{c.sign(signer), c, key}
}

func (g *generator) subject() string {
	if !g.strange() {
		return pick(g, "O=Lab,CN=host", "C=GB,O=Lab,CN=client1", "CN=localhost")
	}
	return pick(g, "", "O=Lab", "CN=a,CN=b", "CN="+strings.Repeat("x", pick(g, 255, 256, 300)), "CN=jürgen größe", "O=Acme\\, Inc.,CN=*", "DC=lab,UID=x")
}

func (g *generator) leafUsage(role Role) []testExt {
	var exts []testExt
	switch {
	case g.chance(0.75):
		exts = append(exts, extBC(g.chance(0.8), false, -1))
	case g.strange():
		exts = append(exts, extBC(true, true, -1))
	}
	switch {
	case g.chance(0.5):
		exts = append(exts, extKU(true, 0xa0))
	case g.chance(0.4):
		exts = append(exts, extKU(g.chance(0.5), pick(g, byte(0x80), 0xa0, 0xc0, 0x80, 0x20, 0x04, 0x08, 0, 0xff)))
	case g.chance(g.odd / 3):
		exts = append(exts, ext(idKeyUsage, g.chance(0.5), []byte{3, 4, 0, 0x80, 0, 0}))
	}
	want, other := gnutls.OIDServerAuth, gnutls.OIDClientAuth
	if role == Client {
		want, other = other, want
	}
	switch {
	case g.chance(0.5):
		exts = append(exts, extEKU(g.chance(0.3), want))
	case g.chance(0.4):
		lists := [][]string{{want, other}, {other}, {gnutls.OIDAnyPurpose}, {"1.3.6.1.5.5.7.3.3"}, {other, "1.2.3.4.5"}, {gnutls.OIDAnyPurpose, other}, {}}
		exts = append(exts, extEKU(g.chance(0.4), pick(g, lists...)...))
	}
	return exts
}

func (g *generator) altNames(role Role) []testExt {
	if role == Client && !g.chance(0.2) {
		return nil
	}
	var names []altName
	all := []altName{{kind: altDNS, value: []byte("localhost")}, {kind: altDNS, value: []byte("host.lab")}, {kind: altIP, value: []byte{127, 0, 0, 1}},
		{kind: altEmail, value: []byte("a@example.com")}, {kind: altURI, value: []byte("https://x.example")}, {kind: altDNS, value: []byte("a.example.com")},
		{kind: altIP, value: []byte{10, 0, 0, 1}}}
	if g.chance(0.85) {
		names = append(names, all[0], all[2])
	}
	for range g.IntN(3) {
		names = append(names, pick(g, all...))
	}
	if g.chance(g.odd / 2) {
		names = append(names, altName{kind: pick(g, altDNS, altEmail, altURI), value: bytes.Repeat([]byte("x"), pick(g, 255, 256))})
	}
	if len(names) == 0 && !g.strange() {
		return nil
	}
	return []testExt{extSAN(names...)}
}

// trust holds the CAs of a set, and the CA that signs its leaf certificate.
type trust struct {
	bundle []identity
	issuer identity
	inFile []identity // the certificates that follow the leaf in its own file
}

func (g *generator) trust() trust {
	root := g.ca("O=Lab,CN=Lab CA", g.key(), nil)
	t := trust{bundle: []identity{root}, issuer: root}
	if g.chance(0.2) {
		t = g.intermediate(root)
	}
	if g.chance(0.15) {
		for range 1 + g.IntN(2) {
			t.bundle = append(t.bundle, g.ca(pick(g, "O=Other,CN=Other CA", "O=Lab,CN=Lab CA"), g.key(), nil))
		}
	}
	if g.strange() {
		extra := g.ca("CN=filler", pick(g, keyring()["p256"]...), nil)
		for range 13 + g.IntN(6) {
			t.bundle = append(t.bundle, extra)
		}
	}
	if g.strange() {
		t.bundle = append(t.bundle, g.leaf(Server, g.key(), t.issuer))
	}
	if g.chance(0.3) {
		g.Shuffle(len(t.bundle), func(i, j int) { t.bundle[i], t.bundle[j] = t.bundle[j], t.bundle[i] })
	}
	return t
}

func (g *generator) intermediate(root identity) trust {
	middle := g.ca("O=Lab,CN=Middle CA", g.key(), &root)
	t := trust{issuer: middle}
	switch g.IntN(5) {
	case 0:
		t.bundle, t.inFile = []identity{root}, []identity{middle}
	case 1:
		t.bundle = []identity{middle}
	case 2:
		t.bundle = []identity{root}
	default:
		t.bundle = []identity{root, middle}
	}
	if g.chance(0.3) {
		t.inFile = pick(g, []identity{middle}, []identity{middle, root}, []identity{root}, []identity{root, middle})
	}
	return t
}

// set makes the files of one role.
func (g *generator) set(role Role) Set {
	return g.setIn(role, g.trust())
}

func (g *generator) setIn(role Role, t trust) Set {
	key := g.key()
	leaf := g.leaf(role, key, t.issuer)
	if g.chance(g.odd / 2) {
		key = g.key()
	}
	var ca, cert []byte
	for _, c := range t.bundle {
		ca = append(ca, pemBlock("CERTIFICATE", c.der)...)
	}
	cert = pemBlock("CERTIFICATE", leaf.der)
	for _, c := range t.inFile {
		cert = append(cert, pemBlock("CERTIFICATE", c.der)...)
	}
	s := Set{Role: role, Product: "libvirt", CA: g.file("cacert.pem", ca), Cert: g.file(string(role)+"cert.pem", cert),
		Key: g.file(string(role)+"key.pem", g.keyText(key)), CRL: g.crlFile(t, leaf)}
	if g.chance(g.odd / 2) {
		s.Cert.Data = append(append([]byte{}, s.Key.Data...), s.Cert.Data...)
	}
	return s
}
