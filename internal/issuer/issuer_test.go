package issuer

import (
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"virtpki/internal/hint"
	"virtpki/internal/lab/labvault"
	"virtpki/internal/libvirt"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// config returns the configuration for a Vault of the lab, which change may alter.
func config(t *testing.T, v *labvault.Server, change func(*Config)) *Config {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c := &Config{
		Kind: Vault, URL: v.URL, CAFile: write("ca.pem", string(v.Cert)), Proxy: "none", Attempts: 2, Timeout: "2s",
		Server: Profile{Role: "libvirt-server"}, Client: Profile{Role: "libvirt-client"}, Mount: "pki",
		Token: &Secret{File: write("token", labvault.Token+"\n")},
	}
	if change != nil {
		change(c)
	}
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	return c
}

func open(t *testing.T, c *Config) *Issuer {
	t.Helper()
	i, err := New(c, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Close)
	return i
}

func requests(t *testing.T) []*pki.CSR {
	t.Helper()
	var csrs []*pki.CSR
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		key, err := pki.GenerateKey(pki.DefaultKeyType)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := subject.ForLeaf(&x509.Certificate{}, "hv1")
		if err != nil {
			t.Fatal(err)
		}
		r := pki.CSRRequest{Role: role, RawSubject: raw}
		if role == pki.Server {
			r.DNSNames = []string{"hv1"}
		}
		csr, err := pki.NewCSR(r, key)
		if err != nil {
			t.Fatal(err)
		}
		csrs = append(csrs, csr)
	}
	return csrs
}

func TestAskVault(t *testing.T) {
	v := labvault.Start(t)
	for name, change := range map[string]func(*Config){
		"token":     nil,
		"default":   func(c *Config) { c.Mount = "" },
		"slashes":   func(c *Config) { c.Mount = "/pki/" },
		"namespace": func(c *Config) { c.Mount, c.Namespace = "team", labvault.Namespace },
		"standby":   func(c *Config) { c.Mount, c.Redirects = "standby", []string{"localhost"} },
		"root":      func(c *Config) { c.Mount = "root" },
		"flaky":     func(c *Config) { c.Mount, c.Attempts = "flaky", 4 },
		"approle": func(c *Config) {
			t.Setenv("LAB_SECRET_ID", labvault.SecretID)
			c.Token, c.AppRole = nil, &AppRole{RoleID: labvault.RoleID, SecretID: &Secret{Env: "LAB_SECRET_ID"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := open(t, config(t, v, change))
			a, err := i.Ask(context.Background(), requests(t))
			if err != nil {
				t.Fatal(err)
			}
			wantCAs := 2
			if name == "root" {
				wantCAs = 1
			}
			if len(a.Leafs) != 2 || len(a.CAs) != wantCAs || len(a.CRLs) != 1 {
				t.Errorf("%d certificates, %d CAs, %d CRLs", len(a.Leafs), len(a.CAs), len(a.CRLs))
			}
			again, err := pki.ParseAnswer(a.Encode())
			if err != nil || len(again.Leafs) != 2 {
				t.Errorf("the response does not parse: %v", err)
			}
			a, err = i.Ask(context.Background(), nil)
			if err != nil || len(a.Leafs) != 0 || len(a.CAs) != wantCAs || len(a.CRLs) != 1 {
				t.Errorf("without requests: %+v, %v", a, err)
			}
		})
	}
}

func TestVaultsThatFail(t *testing.T) {
	v := labvault.Start(t)
	for _, test := range []struct {
		mount  string
		change func(*Config)
		want   string
		hint   string
	}{
		{"sealed", nil, `it responds 503 to /v1/sealed/sign/libvirt-server: "Vault is sealed"`, "unseal it"},
		{"standby", nil, `it redirects to another host: "localhost"`, `redirects: ["localhost"] in the issuer's file, --redirect localhost of issuer init`},
		{"broken", nil, `it responds 500 to /v1/broken/sign/libvirt-server: "1 error occurred: * internal error"`, ""},
		{"slow", func(c *Config) { c.Timeout, c.Attempts = "1s", 1 }, "no response within 1s", ""},
		{"truncated", nil, "not the JSON that is expected: unexpected end of JSON input", ""},
		{"html", nil, "not the JSON that is expected", ""},
		{"huge", nil, "longer than 1048576 bytes", ""},
		{"otherkey", nil, "CN=hv1: the certificate is for another key than the request", ""},
		{"otherca", nil, "its chain does not contain the CA that signed the certificate, CN=otherca intermediate", ""},
		{"ca", nil, "CN=hv1: the certificate is a CA's", ""},
		{"keys", nil, `its response contains a PEM block "PRIVATE KEY"`, ""},
		{"badcrl", nil, "its CRL: ", ""},
		{"nowhere", nil, `it responds 403 to /v1/nowhere/sign/libvirt-server: "1 error occurred: * permission denied"`, "for update sign/libvirt-server of this mount"},
		{"pki", func(c *Config) { t.Setenv("LAB_WRONG", "lab-wrong"); c.Token = &Secret{Env: "LAB_WRONG"} }, `it responds 403 to /v1/pki/sign/libvirt-server: "2 errors occurred: * permission denied`, "the token has expired or was revoked"},
		{"pki", func(c *Config) { c.Server.Role = "none" }, `"unknown role: none"`, "the flags that role none needs"},
		{"pki", func(c *Config) { c.Server.Role = "libvirt-client" }, "CN=hv1: the certificate is not for a server", "the flags of role libvirt-client"},
		{"pki", func(c *Config) { c.Server = Profile{} }, "no role is set for a server's certificate", "server: {role: NAME}"},
		{"pki", func(c *Config) { c.Roots = []string{strings.Repeat("ab", 32)} }, "it responds with another root, CN=pki root (sha256 ", "add it to root-fingerprints"},
		{"pki", func(c *Config) { c.CAFile = "" }, "certificate signed by unknown authority", ""},
		{"pki", func(c *Config) {
			c.Token, c.AppRole = nil, &AppRole{RoleID: "x", SecretID: c.Token}
		}, `logging in by AppRole: it responds 400 to /v1/auth/approle/login: "invalid role or secret ID"`, "auth/approle/role/NAME/secret-id"},
		{"pki", func(c *Config) { c.CRL = c.URL + "/v1/nowhere/crl" }, "its CRL: it responds 403", ""},
	} {
		name := test.mount + " " + test.want
		t.Run(name[:min(len(name), 50)], func(t *testing.T) {
			c := config(t, v, func(c *Config) {
				c.Mount, c.Attempts = test.mount, 1
				if test.change != nil {
					test.change(c)
				}
			})
			a, err := open(t, c).Ask(context.Background(), requests(t))
			if err == nil || a != nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "asking "+v.URL+": ") {
				t.Errorf("error %q, want %q", fmt.Sprint(err), test.want)
			}
			if text, _ := hint.Of(err); !strings.Contains(text, test.hint) || (text == "") != (test.hint == "") {
				t.Errorf("hint %q, want %q", text, test.hint)
			}
			if err != nil && strings.Contains(err.Error(), "lab-") {
				t.Errorf("the error holds a secret: %v", err)
			}
		})
	}
}

// Another root is refused if the configuration names one, even if its certificates fit
// together.
func TestAnotherRoot(t *testing.T) {
	v := labvault.Start(t)
	a, err := open(t, config(t, v, nil)).Ask(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	root := libvirt.Fingerprint(a.CAs[1])
	i := open(t, config(t, v, func(c *Config) { c.Roots = []string{strings.ToUpper(root)} }))
	if _, err := i.Ask(context.Background(), requests(t)); err != nil {
		t.Fatal(err)
	}
	strange := open(t, config(t, v, func(c *Config) { c.Mount, c.Roots = "strange", []string{root} }))
	if _, err := strange.Ask(context.Background(), requests(t)); err == nil || !strings.Contains(err.Error(), "it responds with another root, CN=strange root") {
		t.Errorf("error %v", err)
	}
}

// A root that a person vouches for is accepted beside those of the file. Without roots in the file
// the issuer accepts each, and enroll decides.
func TestOpenTrusting(t *testing.T) {
	a, b, c := strings.Repeat("aa", 32), strings.Repeat("bb", 32), strings.Repeat("cc", 32)
	for _, test := range []struct{ file, given, roots, prints []string }{
		{nil, nil, nil, nil},
		{nil, []string{a}, nil, []string{a}},
		{[]string{b}, nil, []string{b}, []string{b}},
		{[]string{b}, []string{c}, []string{b, c}, []string{b, c}},
		{[]string{b, c}, []string{b, a}, []string{a, b, c}, []string{a, b, c}},
	} {
		data, err := config(t, &labvault.Server{URL: "https://vault"}, func(c *Config) { c.Roots, c.CAFile = test.file, "" }).Encode()
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "issuer.yaml")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		prints := make(map[string]bool)
		for _, print := range test.given {
			prints[print] = true
		}
		i, err := OpenTrusting(file, prints, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if have := slices.Sorted(maps.Keys(prints)); !slices.Equal(i.Roots, test.roots) || !slices.Equal(have, test.prints) {
			t.Errorf("%v and %v: accepts %v, vouches for %v", test.file, test.given, i.Roots, have)
		}
	}
}

// A service may send any number of CA certificates of one name, and topOf verifies a signature
// of each with each.
func TestTooManyCAs(t *testing.T) {
	v := labvault.Start(t)
	i := open(t, config(t, v, nil))
	a, err := i.Ask(context.Background(), requests(t))
	if err != nil {
		t.Fatal(err)
	}
	for len(a.CAs) <= libvirt.MaxCAs {
		a.CAs = append(a.CAs, a.CAs[0])
	}
	if err := i.checkCAs(a); err == nil || !strings.Contains(err.Error(), "17 CA certificates (at most 16)") {
		t.Errorf("error %v", err)
	}
}

// A request that the issuer cannot sign is not sent, and the error names what is missing.
func TestRequestsThatAreNotSent(t *testing.T) {
	v := labvault.Start(t)
	i := open(t, config(t, v, nil))
	csrs := requests(t)
	csrs[0].Roles = nil
	if _, err := i.Ask(context.Background(), csrs); err == nil || !strings.Contains(err.Error(), "does not say whether it is for a server or a client") {
		t.Errorf("without a role: %v", err)
	}
	csrs = requests(t)
	csrs[0].WantsCA = true
	if _, err := i.Ask(context.Background(), csrs); err == nil || !strings.Contains(err.Error(), "it asks to be a CA") {
		t.Errorf("for a CA: %v", err)
	}
}

func TestRevokeAtVault(t *testing.T) {
	v := labvault.Start(t)
	i := open(t, config(t, v, nil))
	a, err := i.Ask(context.Background(), requests(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := i.ca.Revoke(context.Background(), a.Leafs[1].SerialNumber, pki.ReasonUnspecified); err != nil {
		t.Fatal(err)
	}
	if err := i.ca.Revoke(context.Background(), big.NewInt(1), pki.ReasonUnspecified); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("an unknown serial: %v", err)
	}
	named := func(cert *x509.Certificate) bool { return cert.Subject.CommonName == "hv1" }
	issued, listed, err := i.Issued(context.Background(), named)
	if err != nil || !listed || len(issued) != 1 || !issued[0].Equal(a.Leafs[0]) {
		t.Errorf("listed %v: %d certificates, error %v", listed, len(issued), err)
	}
	a2, err := i.Ask(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := a2.CRLs[0].Find(a.Leafs[1].SerialNumber); !ok {
		t.Error("the CRL lacks the serial")
	}
}

// A list of certificates that names something else is not followed, and an engine without
// certificates is not an error.
func TestListsOfVault(t *testing.T) {
	v := labvault.Start(t)
	none := func(*x509.Certificate) bool { return false }
	for mount, want := range map[string]string{
		"badlist":  `asking ` + v.URL + ` for its certificates: its list contains "../../sys/seal", which is not a serial`,
		"longlist": `asking ` + v.URL + ` for its certificates: its list contains "` + strings.Repeat("0a:", 20) + `", which is not a serial`,
		"pki":      "<nil>",
		"nowhere":  `asking ` + v.URL + ` for its certificates: it responds 403 to /v1/nowhere/certs?list=true: "1 error occurred: * permission denied"`,
		"sealed":   `asking ` + v.URL + ` for its certificates: it responds 503 to /v1/sealed/certs?list=true: "Vault is sealed"`,
	} {
		_, _, err := open(t, config(t, v, func(c *Config) { c.Mount, c.Attempts = mount, 1 })).Issued(context.Background(), none)
		if got := fmt.Sprint(err); got != want {
			t.Errorf("%s: %s, want %s", mount, got, want)
		}
	}
}

// A Vault that sends another certificate than that of the serial is not believed: its serial would be
// revoked in place of the named one. A certificate that is gone since the list was made is no error.
func TestVaultSendsAnotherCertificate(t *testing.T) {
	v := labvault.Start(t)
	i := open(t, config(t, v, func(c *Config) { c.Mount, c.Attempts = "mixed", 1 }))
	none := func(*x509.Certificate) bool { return false }
	if _, _, err := i.Issued(context.Background(), none); err != nil {
		t.Errorf("a certificate that is gone: %v", err)
	}
	if _, err := i.Ask(context.Background(), requests(t)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := i.Issued(context.Background(), none); err == nil || !strings.Contains(err.Error(), "it sends the certificate with serial ") {
		t.Errorf("another certificate: %v", err)
	}
}

func TestQuestions(t *testing.T) {
	csrs := requests(t)
	got, err := Questions(pki.EncodeCSRs(csrs...))
	if err != nil || len(got) != 2 {
		t.Errorf("requests: %d, %v", len(got), err)
	}
	v := labvault.Start(t)
	if got, err := Questions(v.Cert); err != nil || got != nil {
		t.Errorf("CA certificates: %v, %v", got, err)
	}
	for _, bad := range []string{"", "hello", "-----BEGIN CERTIFICATE REQUEST-----\n"} {
		if _, err := Questions([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
