package judge

import (
	"encoding/json"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"virtpki/dn"
	"virtpki/internal/libvirt"
)

// The cases of certs.json, with the verdicts, are certificates that the test suites of libvirt and
// QEMU try, and others that were tried against a running libvirt 9.0.

type oracleShape struct {
	ID       string
	IssuedBy string `json:"issued_by"`
	Subject  map[string]string
	SAN      []string
	BC       struct{ Present, Critical, CA bool } `json:"basicConstraints"`
	KU       struct {
		Present, Critical bool
		Flags             []string
	} `json:"keyUsage"`
	EKU struct {
		Present, Critical bool
		OIDs              []string
	} `json:"extKeyUsage"`
	From float64 `json:"not_before_offset_hours"`
	To   float64 `json:"not_after_offset_hours"`
}

type oracleBundle struct {
	Kind  string
	Certs []oracleShape
}

type oracleCase struct {
	oracleShape
	Name, Role, Expected string
	CA                   *oracleBundle
	KeyType              string        `json:"key_type"`
	ExpectedQEMU         string        `json:"expected_qemu"`
	ServerCert           *oracleShape  `json:"server_cert"`
	ClientCert           *oracleShape  `json:"client_cert"`
	ServerCA             *oracleBundle `json:"server_side_ca"`
	ClientCA             *oracleBundle `json:"client_side_ca"`
	Hostname             string
	ACL                  []string `json:"dn_acl"`
	ServerAccepts        string   `json:"expected_server_accepts_client"`
	ClientAccepts        string   `json:"expected_client_accepts_server"`
}

func oracleCases(t *testing.T) []oracleCase {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "oracle", "certs.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []oracleCase }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 150 {
		t.Fatalf("certs.json has %d cases", len(file.Cases))
	}
	return file.Cases
}

// workshop makes the certificates of one case; each id is made once.
type workshop struct {
	now  time.Time
	made map[string]identity
}

func newWorkshop() *workshop { return &workshop{time.Now(), map[string]identity{}} }

func (s oracleShape) name() []byte {
	var parts []string
	for _, typ := range []string{"C", "ST", "L", "O", "OU", "CN"} {
		if v, ok := s.Subject[typ]; ok {
			parts = append(parts, typ+"="+v)
		}
	}
	return must(dn.Encode(strings.Join(parts, ",")))
}

func (s oracleShape) extensions() []testExt {
	var exts []testExt
	if s.BC.Present {
		exts = append(exts, extBC(s.BC.Critical, s.BC.CA, -1))
	}
	if s.KU.Present {
		bits := byte(0)
		for _, f := range s.KU.Flags {
			bits |= map[string]byte{"digitalSignature": 0x80, "keyEncipherment": 0x20, "keyCertSign": 0x04, "cRLSign": 0x02}[f]
		}
		exts = append(exts, extKU(s.KU.Critical, bits))
	}
	if s.EKU.Present {
		exts = append(exts, extEKU(s.EKU.Critical, s.EKU.OIDs...))
	}
	if len(s.SAN) > 0 {
		exts = append(exts, extSAN(sanNames(s.SAN)...))
	}
	return exts
}

func sanNames(list []string) []altName {
	var names []altName
	for _, text := range list {
		kind, value, _ := strings.Cut(text, ":")
		n := altName{kind: altDNS, value: []byte(value)}
		switch kind {
		case "IP":
			addr, _ := netip.ParseAddr(value)
			n = altName{kind: altIP, value: addr.AsSlice()}
		case "email":
			n.kind = altEmail
		}
		names = append(names, n)
	}
	return names
}

// make makes a certificate, self-signed if issuer is nil.
func (w *workshop) make(s oracleShape, issuer *identity, key testKey) identity {
	hours := func(h float64) time.Time { return w.now.Add(time.Duration(h * float64(time.Hour))) }
	c := certSpec{subject: s.name(), serial: big.NewInt(int64(len(w.made) + 2)), key: key, exts: s.extensions(), notBefore: hours(s.From), notAfter: hours(s.To)}
	if s.From == 0 {
		c.notBefore = w.now.Add(-2 * time.Hour)
	}
	signer := key
	c.issuer = c.subject
	if issuer != nil {
		c.issuer, signer = issuer.spec.subject, issuer.key
	}
	made := identity{c.sign(signer), c, key}
	w.made[s.ID] = made
	return made
}

func (w *workshop) p256() testKey {
	keys := keyring()["p256"]
	return keys[len(w.made)%len(keys)]
}

// bundle makes CAs, each after its issuer.
func (w *workshop) bundle(b *oracleBundle) []identity {
	var list []identity
	for _, s := range b.Certs {
		if made, ok := w.made[s.ID]; ok {
			list = append(list, made)
			continue
		}
		var issuer *identity
		if above, ok := w.made[s.IssuedBy]; ok {
			issuer = &above
		}
		list = append(list, w.make(s, issuer, w.p256()))
	}
	return list
}

func pemOf(path string, certs ...identity) File {
	f := File{Path: path, Data: []byte{}}
	for _, c := range certs {
		f.Data = append(f.Data, pemBlock("CERTIFICATE", c.der)...)
	}
	return f
}

func keyFileOf(path string, key testKey) File {
	g := generator{odd: 0}
	g.Rand = newGenerator(1, time.Now()).Rand
	return File{Path: path, Data: g.keyText(key)}
}

// setOf puts files together.
func setOf(role Role, product string, leaf identity, cas ...identity) Set {
	return Set{Role: role, Product: product, CA: pemOf("cacert.pem", cas...), CRL: missing("cacrl.pem"),
		Cert: pemOf("cert.pem", leaf), Key: keyFileOf("key.pem", leaf.key)}
}

func targetOf(t *testing.T, text string) libvirt.Release {
	t.Helper()
	target, err := libvirt.ParseRelease(text)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// wantVerdict compares a verdict with the one that a case expects.
func wantVerdict(t *testing.T, said []Finding, want string) {
	t.Helper()
	if got := map[bool]string{true: "reject", false: "accept"}[Refused(said)]; got != want {
		t.Errorf("the judge says %s, want %s\n%s", got, want, findingLines(said))
	}
}

func TestOracleFiles(t *testing.T) {
	targets := map[string]string{"libvirt-ctx": "libvirt-9.0", "qemu-7.2.0-creds": "qemu-7.2.0", "qemu-10.0.13-creds": "qemu-10.0.13"}
	count := 0
	for _, c := range oracleCases(t) {
		family := c.ID[:strings.LastIndex(c.ID, "-")]
		if targets[family] == "" {
			continue
		}
		count++
		t.Run(c.ID+"/"+c.Name, func(t *testing.T) {
			target := targetOf(t, targets[family])
			wantVerdict(t, OwnFiles(c.files(target.Product), target, time.Now()), c.Expected)
			if family == "libvirt-ctx" && c.Expected == "accept" {
				wantVerdict(t, OwnFiles(c.files(target.Product), libvirt.Release{}, time.Now()), c.Expected)
			}
		})
	}
	if count < 66 {
		t.Errorf("%d cases, want 66", count)
	}
}

// files builds a case of the creation of credentials.
func (c oracleCase) files(product string) Set {
	w := newWorkshop()
	cas := w.bundle(c.CA)
	if c.BC == (struct{ Present, Critical, CA bool }{}) && c.Subject == nil {
		s := setOf(Role(c.Role), product, cas[0], cas...)
		s.Cert, s.Key = missing("cert.pem"), missing("key.pem")
		return s
	}
	issuer := identity{}
	switch {
	case len(cas) == 0: // the file is missing; the leaf still needs an issuer
		issuer = w.make(oracleShape{ID: "gone", Subject: map[string]string{"CN": "gone"}, To: 24}, nil, w.p256())
	case strings.Contains(c.leafID(), "level2b"):
		issuer = w.made["cacertlevel1breq"]
	default:
		issuer = cas[len(cas)-1]
	}
	leaf := w.make(c.oracleShape, &issuer, w.p256())
	s := setOf(Role(c.Role), product, leaf, cas...)
	if len(cas) == 0 {
		s.CA = missing("cacert.pem")
	}
	return s
}

func (c oracleCase) leafID() string {
	if strings.Contains(c.Subject["CN"], "level 2b") {
		return "level2b"
	}
	return c.Name
}

func TestOracleSessions(t *testing.T) {
	count := 0
	for _, c := range oracleCases(t) {
		if c.ServerCert == nil {
			continue
		}
		count++
		t.Run(c.ID+"/"+c.Name, func(t *testing.T) {
			product, target := "libvirt", targetOf(t, "libvirt-9.0")
			if strings.HasPrefix(c.ID, "qemu") {
				product, target = "qemu", targetOf(t, "qemu-10.0.13")
			}
			w := newWorkshop()
			serverCA, clientCA := w.bundle(c.ServerCA), w.bundle(c.ClientCA)
			leaf := func(s oracleShape) identity {
				issuer := w.made[s.IssuedBy]
				return w.make(s, &issuer, w.p256())
			}
			server := setOf(Server, product, leaf(*c.ServerCert), serverCA...)
			client := setOf(Client, product, leaf(*c.ClientCert), clientCA...)
			said := InSession(client, Peer{CA: &server.CA, DNList: c.ACL}, target, time.Now())
			wantVerdict(t, said, c.ServerAccepts)
			said = InSession(server, Peer{CA: &client.CA, Names: []string{c.Hostname}}, target, time.Now())
			wantVerdict(t, said, c.ClientAccepts)
		})
	}
	if count != 20 {
		t.Errorf("%d sessions, want 20", count)
	}
}

// runningCases are about daemons that run, reload or have clients: files alone do not decide them.
// The tests of the commands and of internal/libvirt/running cover them.
var runningCases = []string{"live-67", "live-68", "live-69", "live-70", "live-71"}

func TestOracleLive(t *testing.T) {
	count := 0
	for _, c := range oracleCases(t) {
		if !strings.HasPrefix(c.ID, "live-") || slices.Contains(runningCases, c.ID) {
			continue
		}
		count++
		t.Run(c.ID+"/"+c.Name, func(t *testing.T) { c.live(t) })
	}
	if count != 55 {
		t.Errorf("%d cases, want 55", count)
	}
}

func TestOracleChains(t *testing.T) {
	count := 0
	for _, c := range oracleCases(t) {
		if !strings.HasPrefix(c.ID, "qemu-new-") {
			continue
		}
		count++
		t.Run(c.ID, func(t *testing.T) {
			wantVerdict(t, OwnFiles(c.chain(t), targetOf(t, "qemu-10.2"), time.Now()), c.Expected)
		})
	}
	if count != 5 {
		t.Errorf("%d cases, want 5", count)
	}
}
