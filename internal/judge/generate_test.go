//go:debug rsa1024min=0

package judge

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"io/fs"
	"math/big"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A generator makes random sets of files: mostly sound ones, with one fault or a
// few of every kind that the rules speak of.

// keyring is the keys that sets are made of; making one for each set would be slow.
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
	// spare is the chance that a choice is an odd one.
	odd float64
}

func newGenerator(seed uint64, now time.Time) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 1)), now: now.Truncate(time.Second), odd: odd()}
}

// odd is how often things are strange; VIRTPKI_ODD changes it.
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

// identity is a CA or leaf as it was made.
type identity struct {
	der  []byte
	spec certSpec
	key  testKey
}

// times: valid, and now and then expired or not yet.
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

// ca makes a CA, self-signed where issuer is nil.
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
	names := []generalName{{kind: nameDNS, value: []byte("example.com")}, {kind: nameDNS, value: []byte(".lab")}, {kind: nameDNS, value: []byte("host")},
		{kind: nameIP, value: []byte{127, 0, 0, 0, 255, 0, 0, 0}}, {kind: nameEmail, value: []byte("example.com")}, {kind: nameURI, value: []byte("x.example")},
		{kind: nameDN, value: name("O=x")}, {kind: nameDNS, value: nil}, {kind: nameIP, value: []byte{127, 0, 0, 0, 255, 0, 255, 0}}}
	var permitted, excluded []generalName
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
		ext("2.5.29.32", true, []byte{0x30, 0}), ext("2.5.29.54", true, []byte{2, 1, 0}), ext(oidIssuerAltName, true, []byte{0x30, 0}))}
}

func keyID(k testKey) []byte { return digest(crypto.SHA1, k.spki()) }

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
	return pick(g, "", "O=Lab", "CN=a,CN=b", "CN="+strings.Repeat("x", 300), "CN=jürgen größe", "O=Acme\\, Inc.,CN=*", "DC=lab,UID=x")
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
		exts = append(exts, ext(oidKeyUsage, g.chance(0.5), []byte{3, 4, 0, 0x80, 0, 0}))
	}
	want, other := oidServerAuth, oidClientAuth
	if role == Client {
		want, other = other, want
	}
	switch {
	case g.chance(0.5):
		exts = append(exts, extEKU(g.chance(0.3), want))
	case g.chance(0.4):
		lists := [][]string{{want, other}, {other}, {oidAnyPurpose}, {"1.3.6.1.5.5.7.3.3"}, {other, "1.2.3.4.5"}, {oidAnyPurpose, other}, {}}
		exts = append(exts, extEKU(g.chance(0.4), pick(g, lists...)...))
	}
	return exts
}

func (g *generator) altNames(role Role) []testExt {
	if role == Client && !g.chance(0.2) {
		return nil
	}
	var names []generalName
	all := []generalName{{kind: nameDNS, value: []byte("localhost")}, {kind: nameDNS, value: []byte("host.lab")}, {kind: nameIP, value: []byte{127, 0, 0, 1}},
		{kind: nameEmail, value: []byte("a@example.com")}, {kind: nameURI, value: []byte("https://x.example")}, {kind: nameDNS, value: []byte("a.example.com")},
		{kind: nameIP, value: []byte{10, 0, 0, 1}}}
	if g.chance(0.85) {
		names = append(names, all[0], all[2])
	}
	for range g.IntN(3) {
		names = append(names, pick(g, all...))
	}
	if len(names) == 0 && !g.strange() {
		return nil
	}
	return []testExt{extSAN(names...)}
}

// trust is the CAs of a set, and what signs its leaf.
type trust struct {
	bundle []identity
	issuer identity
	inFile []identity // what stands behind the leaf in its own file
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

func missing(path string) File {
	return File{Path: path, Err: &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}}
}

// file may spoil the text, or leave it away.
func (g *generator) file(path string, text []byte) File {
	if g.chance(g.odd / 3) {
		return missing(path)
	}
	if g.strange() {
		text = g.reform(text)
	}
	return File{Path: path, Data: text}
}

func (g *generator) reform(text []byte) []byte {
	reforms := []func([]byte) []byte{
		func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) },
		func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), b...) },
		func(b []byte) []byte { return append([]byte("Subject: x\nsome text -- here\n\n"), b...) },
		func(b []byte) []byte { return bytes.TrimRight(b, "\n") },
		func(b []byte) []byte { return b[:len(b)*g.IntN(100)/100] },
		func([]byte) []byte { return []byte{} },
		func([]byte) []byte { return []byte("garbage\n") },
		func(b []byte) []byte { block, _ := pem.Decode(b); return block.Bytes },
		func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte(" CERTIFICATE"), []byte(" TRUSTED CERTIFICATE"))
		},
		func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(" CERTIFICATE"), []byte(" X509 CERTIFICATE")) },
		func(b []byte) []byte { return bytes.Replace(b, []byte("END"), []byte("END OF"), 1) },
		func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("A"), []byte("A \t")) },
		func(b []byte) []byte { return bytes.Replace(b, []byte("M"), []byte("M!"), 1) },
		func(b []byte) []byte { return append(b, bytes.Repeat([]byte("\n"), 65537-min(65537, len(b)))...) },
		func(b []byte) []byte { return append(b, bytes.Repeat([]byte("\n"), 65536-min(65536, len(b)))...) },
		func(b []byte) []byte { return append([]byte("x\x00y\n"), b...) },
		func(b []byte) []byte { return append(append(b, 0), b...) },
		func(b []byte) []byte { return append(pemBlock("CERTIFICATE REQUEST", []byte{0x30, 0}), b...) },
		func(b []byte) []byte { return append(b, pemBlock("CERTIFICATE", []byte{0x30, 3, 2, 1, 1})...) },
		func(b []byte) []byte { return append(b, b...) },
		func(b []byte) []byte { return bytes.Replace(b, []byte("-----\n"), []byte("------\n"), 1) },
		func(b []byte) []byte { c := bytes.Clone(b); c[g.IntN(len(c))] ^= 1 << g.IntN(8); return c },
		func(b []byte) []byte { return append(b, "trailing text\n"...) },
	}
	return pick(g, reforms...)(bytes.Clone(text))
}

// encryptedKey is what certtool made of an EC key with the passphrase "x".
const encryptedKey = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIIBADBbBgkqhkiG9w0BBQ0wTjAtBgkqhkiG9w0BBQwwIAQNMxFIhTR/5o8nEfbi
lgIDCSfAMAoGCCqGSIb3DQIJMB0GCWCGSAFlAwQBAgQQ3Gc3RJqlHa8gmKk649F1
/gSBoCDL1N/bVv/93K1ZceP7nKAz23vdDv27HIH8NIPEsozKnqRE6q35lQI0S5Qg
703PBcpjOwLL/wQ4LGB6kBZcfEvo1wYyVnexmRgl2KH03Em3VYZKhV2js6whMBS8
nenqV9NmEdBAxKmiJMrxNxJmOzTUdKKpjex6BWhdvjHY9+5gaZCnJSD3UrZm1jew
8vo/irDrTImGccT1PnAAAct34Qc=
-----END ENCRYPTED PRIVATE KEY-----
`

func (g *generator) keyText(key testKey) []byte {
	if g.chance(g.odd / 4) {
		return []byte(encryptedKey)
	}
	pkcs8 := must(x509.MarshalPKCS8PrivateKey(key.signer))
	if key.pss {
		pkcs8 = bytes.Replace(pkcs8, der(algorithmIdentifier{oid(oidRSA), null}), der(algorithmIdentifier{oid(oidRSAPSS), null}), 1)
		if g.chance(0.5) {
			return pemBlock("RSA PRIVATE KEY", pkcs1Of(key))
		}
		return pssKeyText(key)
	}
	switch {
	case strings.HasPrefix(key.name, "rsa") && g.chance(0.3):
		return pemBlock("RSA PRIVATE KEY", pkcs1Of(key))
	case strings.HasPrefix(key.name, "p") && g.chance(0.3):
		return sec1Of(key, g.chance(0.5))
	}
	return pemBlock("PRIVATE KEY", pkcs8)
}

func (g *generator) crlFile(t trust, leaf identity) File {
	if g.chance(0.4) {
		return missing("cacrl.pem")
	}
	var text []byte
	for range 1 + g.IntN(5)/4 {
		c := crlSpec{issuer: t.issuer.spec.subject, this: g.now.Add(-time.Duration(g.IntN(48)) * time.Hour), next: g.now.Add(24 * time.Hour), spoil: g.chance(0.1)}
		if g.chance(0.1) {
			c.next = g.now.Add(-time.Minute)
		}
		if g.chance(0.05) {
			c.next = time.Time{}
		}
		for range g.IntN(4) {
			c.serials = append(c.serials, g.serial())
		}
		if g.chance(0.1) {
			c.serials = append(c.serials, leaf.spec.serial)
		}
		if g.chance(0.1) {
			c.issuer = name("CN=nobody")
		}
		text = append(text, pemBlock("X509 CRL", c.sign(t.issuer.key))...)
	}
	return g.file("cacrl.pem", text)
}

// describe prints a set so that a disagreement can be looked into.
func describe(s Set) string {
	var b strings.Builder
	for _, f := range []File{s.CA, s.CRL, s.Cert, s.Key} {
		b.WriteString(f.Path + ":\n")
		if f.Err != nil {
			b.WriteString(f.Err.Error() + "\n")
		} else if bytes.ContainsAny(f.Data, "\x00") || len(f.Data) > 20000 {
			b.WriteString(hex.EncodeToString(f.Data[:min(400, len(f.Data))]) + "\n")
		} else {
			b.Write(f.Data)
		}
	}
	return b.String()
}
