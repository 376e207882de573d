package judge

import (
	"bytes"
	"crypto"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"virtpki/internal/gnutls"
)

// hierarchy is a root with intermediates, for cases that need more than a CA and a leaf.
type hierarchy struct {
	*workshop
	c    oracleCase
	root identity
}

func newHierarchy(c oracleCase) *hierarchy {
	h := &hierarchy{workshop: newWorkshop(), c: c}
	h.root = h.ca("root", nil)
	return h
}

func caShape(id string) oracleShape {
	s := oracleShape{ID: id, Subject: map[string]string{"O": "Acme", "CN": id}, To: 480}
	s.BC.Present, s.BC.Critical, s.BC.CA = true, true, true
	s.KU.Present, s.KU.Critical, s.KU.Flags = true, true, []string{"keyCertSign", "cRLSign"}
	return s
}

func (h *hierarchy) ca(id string, issuer *identity) identity {
	return h.make(caShape(id), issuer, h.p256())
}

// leaf makes the case's own certificate, or a usual one if the case does not describe it.
func (h *hierarchy) leaf(issuer identity) identity {
	s := h.c.oracleShape
	s.ID = "leaf"
	if s.Subject == nil {
		s.Subject = map[string]string{"C": "GB", "ST": "London", "O": "Acme", "CN": "client1"}
	}
	if h.c.Role == "ca" || h.c.Role == "bundle" || h.c.Role == "crl" {
		s.BC.Present, s.BC.Critical, s.BC.CA = true, true, false
		s.KU, s.EKU = oracleShape{}.KU, oracleShape{}.EKU
		s.From, s.To = 0, 480
	}
	return h.make(s, &issuer, h.key())
}

func (h *hierarchy) key() testKey {
	kind := map[string]string{"Ed25519": "ed25519", "RSA 1024": "rsa1024", "": "p256", "ECDSA P-256": "p256"}[h.c.KeyType]
	return keyring()[kind][0]
}

func (c oracleCase) live(t *testing.T) {
	h := newHierarchy(c)
	switch c.Role {
	case "ca":
		h.caCase(t)
	case "bundle":
		h.bundleCase(t)
	case "crl":
		h.crlCase(t)
	case "session":
		h.sessionCase(t)
	default:
		h.leafCase(t)
	}
}

func (h *hierarchy) judge(t *testing.T, s Set, target string, want string) {
	t.Helper()
	parsed := targetOf(t, target)
	s.Product = parsed.Product
	said := OwnFiles(s, parsed, time.Now())
	said = append(said, InSession(s, Peer{}, parsed, time.Now())...)
	wantVerdict(t, said, want)
}

func (h *hierarchy) leafCase(t *testing.T) {
	leaf := h.leaf(h.root)
	if h.c.ID == "live-20" {
		leaf.spec.hash = crypto.SHA1
		leaf.der = leaf.spec.sign(h.root.key)
	}
	s := setOf(Role(h.c.Role), "libvirt", leaf, h.root)
	switch h.c.ID {
	case "live-23":
		s.Cert.Data = append(bytes.Clone(s.Key.Data), s.Cert.Data...)
	case "live-24":
		s.Cert.Data = append([]byte("Certificate:\n    Data: text\n"), s.Cert.Data...)
	case "live-87":
		middle := h.ca("middle", &h.root)
		s = setOf(Client, "libvirt", h.leaf(middle), h.root, middle)
		server := pemOf("cacert.pem", h.root)
		wantVerdict(t, InSession(s, Peer{CA: &server}, targetOf(t, "libvirt-9.0"), time.Now()), "reject")
	case "live-85":
		h.judge(t, s, "libvirt-11.6", "accept")
	}
	if h.c.ID == "live-87" {
		return
	}
	h.judge(t, s, "libvirt-9.0", h.c.Expected)
	if word, _, _ := strings.Cut(h.c.ExpectedQEMU, " "); word != "" {
		h.judge(t, s, "qemu-10.2", word)
	}
}

func (h *hierarchy) caCase(t *testing.T) {
	shape := h.c.oracleShape
	shape.ID, shape.Subject = "shaped", map[string]string{"CN": "shaped"}
	ca := h.make(shape, nil, h.p256())
	bundle := []identity{ca}
	signer := ca
	switch h.c.ID {
	case "live-31", "live-32":
		ca.spec.exts[0] = extBC(true, true, 0)
		ca.der = ca.spec.sign(ca.key)
		bundle, signer = []identity{ca}, ca
		if h.c.ID == "live-32" {
			signer = h.ca("middle", &ca)
			bundle = []identity{ca, signer}
		}
	case "live-34", "live-35":
		ca.spec.exts = append(ca.spec.exts, extNC(sanNames([]string{"DNS:example.com"}), nil))
		ca.der = ca.spec.sign(ca.key)
		bundle, signer = []identity{ca}, ca
	}
	leaf := h.leaf(signer)
	name := map[string]string{"live-34": "localhost", "live-35": "a.example.com"}[h.c.ID]
	if name != "" {
		leaf.spec.exts = append(leaf.spec.exts, extSAN(sanNames([]string{"DNS:" + name})...))
		leaf.der = leaf.spec.sign(signer.key)
	}
	h.judge(t, setOf(Server, "libvirt", leaf, bundle...), "libvirt-9.0", h.c.Expected)
}

// odd makes a CA that is valid from and to the given times instead of now.
func (h *hierarchy) odd(id string, from, to float64) identity {
	s := caShape(id)
	s.From, s.To = from, to
	return h.make(s, nil, h.p256())
}

func (h *hierarchy) bundleCase(t *testing.T) {
	fill := func(n int) []identity {
		list := []identity{h.root}
		for len(list) < n {
			list = append(list, h.ca("filler", nil))
		}
		return list
	}
	middle := h.ca("middle", &h.root)
	issuer, bundle := h.root, []identity{h.root}
	var behind []identity
	switch h.c.ID {
	case "live-36":
		bundle = append(bundle, h.odd("old", -48, -24))
	case "live-37":
		bundle = append(bundle, h.odd("new", 24, 48))
	case "live-38":
		bundle = fill(16)
	case "live-39":
		bundle = fill(17)
	case "live-40":
		bundle = append(fill(16), h.odd("old", -48, -24))
	case "live-46":
		issuer, bundle = middle, []identity{middle, h.root}
	case "live-47":
		issuer, bundle = middle, []identity{middle}
	case "live-48":
		issuer, bundle, behind = middle, []identity{h.root, middle}, []identity{middle}
	default:
		t.Fatal("no such bundle")
	}
	leaf := h.leaf(issuer)
	s := setOf(Server, "libvirt", leaf, bundle...)
	s.Cert = pemOf("cert.pem", append([]identity{leaf}, behind...)...)
	h.judge(t, s, "libvirt-9.0", h.c.Expected)
	if h.c.ID == "live-36" {
		h.judge(t, s, "qemu-7.2", "reject")
		h.judge(t, s, "qemu-10.2", "accept")
	}
}

func (h *hierarchy) crl(age, next time.Duration, serials ...*big.Int) []byte {
	c := crlSpec{issuer: h.root.spec.subject, this: h.now.Add(-age), next: h.now.Add(next), serials: serials}
	return pemBlock("X509 CRL", c.sign(h.root.key))
}

func (h *hierarchy) crlCase(t *testing.T) {
	const hour = time.Hour
	leaf := h.leaf(h.root)
	role := Client
	s := setOf(role, "libvirt", leaf, h.root)
	listed := leaf.spec.serial
	files := map[string][]byte{"live-51": nil, "live-52": {}, "live-53": []byte("garbage"), "live-56": h.crl(hour, hour, big.NewInt(9)),
		"live-57": h.crl(hour, hour, listed), "live-58": h.crl(2*hour, -hour), "live-60": h.crl(-2*hour, 4*hour), "live-66": h.crl(hour, hour, listed)}
	block, _ := pem.Decode(h.crl(hour, hour))
	files["live-54"] = block.Bytes
	if h.c.ID == "live-63" {
		h.newestWins(t, s, listed)
		return
	}
	text, known := files[h.c.ID]
	if !known {
		t.Fatal("no such CRL")
	}
	if text != nil {
		s.CRL = File{Path: "cacrl.pem", Data: text}
	}
	if h.c.ID == "live-66" {
		s.Role = Server
	}
	h.judge(t, s, "libvirt-9.0", h.c.Expected)
}

// newestWins: of two CRLs the one with the newest thisUpdate counts. If both have the same second,
// the later one in the file counts.
func (h *hierarchy) newestWins(t *testing.T, s Set, listed *big.Int) {
	const hour = time.Hour
	tests := []struct {
		first, second []byte
		want          string
	}{
		{h.crl(2*hour, hour, listed), h.crl(hour, hour), "accept"},
		{h.crl(hour, hour), h.crl(2*hour, hour, listed), "accept"},
		{h.crl(hour, hour, listed), h.crl(2*hour, hour), "reject"},
		{h.crl(hour, hour, listed), h.crl(hour, hour), "accept"},
		{h.crl(hour, hour), h.crl(hour, hour, listed), "reject"},
	}
	for _, test := range tests {
		s.CRL = File{Path: "cacrl.pem", Data: append(bytes.Clone(test.first), test.second...)}
		h.judge(t, s, "libvirt-9.0", test.want)
	}
}

func (h *hierarchy) sessionCase(t *testing.T) {
	server := map[string][]string{"live-72": nil, "live-73": {"DNS:other"}, "live-76": {"email:a@b.example"}, "live-78": {"DNS:127.0.0.1"},
		"live-79": {"IP:127.0.0.1"}, "live-80": {"DNS:LOCALHOST"}}
	target := targetOf(t, "libvirt-9.0")
	if names, ok := server[h.c.ID]; ok {
		_, host, _ := strings.Cut(h.c.Name, "-> ")
		h.c.Subject, h.c.SAN = map[string]string{"CN": "localhost"}, names
		s := setOf(Server, "libvirt", h.leaf(h.root), h.root)
		wantVerdict(t, InSession(s, Peer{Names: []string{host}}, target, time.Now()), h.c.Expected)
		return
	}
	list := h.c.ACL
	if list == nil && h.c.Name == "ACL []" {
		list = []string{}
	}
	if list == nil {
		t.Fatal("no such session")
	}
	h.c.EKU.OIDs = []string{gnutls.OIDClientAuth}
	s := setOf(Client, "libvirt", h.leaf(h.root), h.root)
	wantVerdict(t, InSession(s, Peer{DNList: list}, target, time.Now()), h.c.Expected)
}

// chain builds the cases of QEMU's chains, which the data describes only in words.
func (c oracleCase) chain(t *testing.T) Set {
	t.Helper()
	h := newHierarchy(c)
	a, b := h.ca("1a", &h.root), h.ca("1b", &h.root)
	a2 := h.ca("2a", &a)
	late := caShape("1c")
	late.From, late.To = 360, 480
	other := h.ca("other", nil)
	chains := map[string]struct {
		issuer identity
		cas    []identity
		behind []identity
	}{
		"certchainwithexpiredcert": {b, []identity{h.root, a, b, h.make(late, &h.root, h.p256()), a2}, nil},
		"chainincomplete":          {a2, []identity{h.root, a2}, nil},
		"multiplecaswithchain":     {a2, []identity{other, h.root}, []identity{a2, a}},
		"incompleteserverchain":    {a2, []identity{h.root}, []identity{a2}},
		"clientchain":              {b, []identity{h.root}, []identity{b}},
	}
	shape, known := chains[c.Name]
	if !known {
		t.Fatal("no such chain")
	}
	leaf := h.leaf(shape.issuer)
	s := setOf(Role(c.Role), "qemu", leaf, shape.cas...)
	s.Cert = pemOf("cert.pem", append([]identity{leaf}, shape.behind...)...)
	return s
}
