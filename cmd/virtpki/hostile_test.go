package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// hostileText wipes its line and forges another. It contains one character of each kind that moves
// a cursor, turns text around or cannot be seen.
const hostileText = "evil\x1b[2K\rgood\nFORGED\tTAB\u009b2J\u202egnp\u2066\u2028\u200b\u00ad\x7f\ufe0f"

// hostileName is the name of a file, which may contain bytes of any kind.
const hostileName = hostileText + "\x9b\xff"

// hostileCommands are the arguments with which every command, by its path, meets hostile input.
// {root} is an image with a CA, certificates and configuration files, {dir} a directory, {addr} a
// server, {bad} a hostile word.
var hostileCommands = map[string][]string{
	"virtpki":                     {"{bad}", "--root {dir}/none list", "--{bad} list"},
	"virtpki bootstrap":           {"--root {root} --name {bad}", "--root {root} --hostname hv1", "--root {root} --hostname hv1 --dry-run", "--root {root} --allow-dn {bad}", "--root {root} --allow-issued", "--root {fresh} --name Example --allow-dn CN=x", "--root {fresh} --name Example --hostname hv1 --san {bad}", "--root {fresh} --name Example --bundle {dir}"},
	"virtpki wizard":              {""},
	"virtpki ca init":             {"--root {root} --name {bad}", "--root {fresh} --name Example", "--root {fresh} --name Example --subject {bad}"},
	"virtpki ca import":           {"--root {fresh} --cert {dir}/ca.pem --key {dir}/ca.key", "--root {fresh} --cert {dir}/ca.pem --key {dir}/ca.key --issued {dir}/leaf.pem --crl {dir}/crl.pem", "--root {fresh} --cert {dir}/none --key {dir}/ca.key", "--root {fresh} --cert {dir}/leaf.pem --key {dir}/ca.key", "--root {fresh} --cert {dir}/ca.pem --key {dir}/junk", "--root {fresh} --cert {dir}/ca.pem --key {dir}/ca.key --index {dir}/index.txt"},
	"virtpki export":              {"--pack linux --pkipath {dir} --out {dir}/packs", "--pack {bad} --out {dir}/packs", "--root {root} --pack linux --out {dir}/{bad}", "--root {root} --pack virt-viewer --console {bad} --out {dir}/packs", "--root {root} --pack virt-viewer --console spice://hv1:1 --host-subject {bad} --out {dir}/packs", "--root {root} --pack linux --format {bad} --out {dir}/packs", "--root {root} --pack p12 --pack-passphrase-file {dir}/junk --out {dir}/p12", "{bad}"},
	"virtpki ca export":           {"--root {root} --index"},
	"virtpki ca show":             {"--root {root}", "--root {fresh}", "--ca {dir}"},
	"virtpki ca rollover start":   {"--root {root}", "--root {root} --dry-run", "--root {root} --name {bad}"},
	"virtpki ca rollover finish":  {"--root {root}", "--root {root} --force"},
	"virtpki ca rollover abort":   {"--root {root}"},
	"virtpki ca rollover status":  {"--root {root}"},
	"virtpki issue":               {"--root {root} client bob --out {dir}/out", "--root {root} client bob --out {dir}/out", "--root {root} client {bad} --out {dir}/out", "--root {root} server {bad}", "--root {root} {bad} x", "--root {root} host --hosts {dir}/hosts --out {dir}/fleet", "--root {root} host --hosts {dir}/badhosts --out {dir}/fleet2", "--root {root} server hv1 --template {dir}/junk", "--root {root} server hv1 --subject {bad}", "--root {root} host --hosts {dir}/hosts --format tar --out {dir}/fleet.tar", "--root {root} client {bad} --pack linux --out {dir}/packs", "--root {root} client bob --pack virt-viewer --console spice://{bad}:1 --out {dir}/packs"},
	"virtpki request":             {"--root {root} client alice", "--root {fresh} client {bad}", "--root {fresh} client alice --out {dir}/request.pem", "--root {root} host hv1 --if-due"},
	"virtpki sign":                {"--root {root} {dir}/request.csr", "--root {root} --yes {dir}/request.csr", "--root {root} --yes {dir}/request.csr --out {dir}/response.pem", "--root {root} --yes --permit {bad} {dir}/request.csr", "--root {root} --yes {dir}/good.csr", "--root {root} --yes {dir}/good.csr {dir}/good.csr", "--root {root} {dir}/junk", "--root {root} -"},
	"virtpki install":             {"--root {fresh} {dir}/answer.pem", "--root {root} {dir}/answer.pem", "--root {root} {dir}/junk", "--root {fresh} {dir}/answer.pem --ca-fingerprint {bad}", "--root {root} -"},
	"virtpki config":              {"libvirtd --root {root}", "libvirtd --root {root} --apply", "libvirtd --root {root} --allow-dn {bad}", "libvirtd --root {root} --allow-issued", "{bad}", "virtproxyd --root {root}"},
	"virtpki config qemu":         {"--root {root}", "--root {root} --apply", "--secret {bad}"},
	"virtpki config client":       {"{bad}=hv1", "a={bad}", "--root {root} --apply a=hv1"},
	"virtpki renew":               {"--root {root}", "--root {root} --force", "--root {root} --force --dry-run", "--root {root} --metrics {dir}/metrics.prom", "--root {root} --via false"},
	"virtpki rollback":            {"--root {root}"},
	"virtpki reload":              {"--root {root}"},
	"virtpki revoke":              {"--root {root} {bad}", "--root {root} {dir}/leaf.pem", "--root {root} {dir}/leaf.pem --dry-run", "--root {root} {dir}/junk", "--root {root} --reason {bad} x", "--root {root} twin"},
	"virtpki crl":                 {"--root {root}", "--root {fresh}"},
	"virtpki crl show":            {"--root {root}", "{dir}/crl.pem", "{dir}/junk", "{dir}/none"},
	"virtpki issuer":              {"{bad}"},
	"virtpki issuer step":         {"--config {dir}/junk", "--config {dir}/none", "--config {dir}/{bad}", "{bad}"},
	"virtpki issuer vault":        {"--config {dir}/junk", "--config {dir}/none", "--config {dir}/{bad}", "{bad}"},
	"virtpki issuer test":         {"--config {dir}/junk", "--config {dir}/{bad}", "--key-type {bad}", "{bad}"},
	"virtpki issuer init":         {"{bad}", "step --print", "vault --print --mount {bad}", "step --root {root} --url {bad} --config {dir}/issuer.yaml", "step --root {root} --url https://127.0.0.1:1 --root-fingerprint {bad} --server {bad} --client {bad} --config {dir}/issuer.yaml"},
	"virtpki template":            {"{bad}", "server"},
	"virtpki generate":            {"{bad}"},
	"virtpki generate systemd":    {"--binary {bad}", "--out {dir}/units"},
	"virtpki generate cron":       {"--binary {bad}", "--out {dir}/cron"},
	"virtpki generate ansible":    {"--root {root} hv1 --out {dir}/ansible", "--root {root} {bad} --out {dir}/ansible"},
	"virtpki generate cloud-init": {"--root {root} {bad}", "--root {root} hv2", "--root {root} --request {dir}/x hv2"},
	"virtpki check":               {"--root {root}", "--root {root} --like virt-pki-validate", "--pkipath {dir}/flat", "--pkipath {dir}/none", "--connect {addr} --pkipath {dir}/flat", "--connect {error} --pkipath {good}", "--connect {bad}", "--root {root} --for {bad}", "--root {root} server", "--root {root} {bad}"},
	"virtpki list":                {"--root {root}", "--root {root} --issued", "--root {root} --format prometheus", "--root {root} --format {bad}", "--fleet {dir}/bundles", "--fleet {dir}/bundles --format prometheus", "--fleet {dir}/none", "--fleet {dir}/bundles.tar"},
	"virtpki show":                {"{dir}/leaf.pem", "{dir}/ca.pem", "{dir}/t61.pem", "{dir}/junk", "{bad}", "--root {root} twin"},
	"virtpki dn":                  {"{bad}"},
	"virtpki dn show":             {"{dir}/leaf.pem", "{dir}/t61.pem", "{dir}/junk", "{dir}/none"},
	"virtpki dn match":            {"{bad} --dn {bad}", "CN=* --cert {dir}/leaf.pem", "CN=*good* --cert {dir}/t61.pem", "--conf {dir}/libvirtd.conf --cert {dir}/leaf.pem", "CN=x --stdin", "*FORGED* --stdin", "--conf {dir}/junk --dn x", "CN=x --dn x --matcher {bad}"},
	"virtpki dn lint":             {"{bad}", "{dir}/libvirtd.conf", "{dir}/junk", "{dir}/none"},
	"virtpki ca":                  {"{bad}"},
	"virtpki ca rollover":         {"{bad}"},
	"virtpki version":             {"", "{bad}"},
}

// hostileWorld is the environment in which the commands run.
type hostileWorld struct {
	t    *testing.T
	ca   *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string // a directory with a hostile name
	root string
	addr string // of a server that shows a hostile certificate
	bad  string // of one that replies with a hostile error
	good string // the directory of a client that this server admits
}

// rawName returns a subject with a hostile text of an ASN.1 type.
func rawName(t *testing.T, tag int, text string) []byte {
	t.Helper()
	value := func(tag int, text string) asn1.RawValue { return asn1.RawValue{Tag: tag, Bytes: []byte(text)} }
	type attribute struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	type set []attribute
	der, err := asn1.Marshal([]struct {
		Set set `asn1:"set"`
	}{{set{{asn1.ObjectIdentifier{2, 5, 4, 10}, value(tag, text)}}}, {set{{asn1.ObjectIdentifier{2, 5, 4, 3}, value(tag, "twin"+text)}}}})
	if err != nil {
		t.Fatal(err)
	}
	// asn1 marshals a struct around each set: remove it again.
	return unwrapSets(t, der)
}

// unwrapSets turns SEQUENCE OF SEQUENCE { SET } into a SEQUENCE OF SET.
func unwrapSets(t *testing.T, der []byte) []byte {
	var rdns []asn1.RawValue
	if _, err := asn1.Unmarshal(der, &rdns); err != nil {
		t.Fatal(err)
	}
	var sets []asn1.RawValue
	for _, rdn := range rdns {
		var set asn1.RawValue
		if _, err := asn1.Unmarshal(rdn.Bytes, &set); err != nil {
			t.Fatal(err)
		}
		sets = append(sets, set)
	}
	out, err := asn1.Marshal(sets)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func newHostileWorld(t *testing.T) *hostileWorld {
	w := &hostileWorld{t: t, dir: filepath.Join(t.TempDir(), hostileName), key: newECKey(t)}
	w.root = filepath.Join(w.dir, "root")
	w.ca = w.sign(rawName(t, asn1.TagUTF8String, hostileText), func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	}, w.key)
	w.image()
	w.files()
	return w
}

func (w *hostileWorld) sign(name []byte, change func(*x509.Certificate), key *ecdsa.PrivateKey) *x509.Certificate {
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), RawSubject: name,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(2400 * time.Hour)}
	change(template)
	parent := w.ca
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), w.key)
	if err != nil {
		w.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		w.t.Fatal(err)
	}
	return cert
}

func (w *hostileWorld) write(path string, data []byte, mode os.FileMode) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, mode); err != nil {
		w.t.Fatal(err)
	}
}

func certPEM(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}

func (w *hostileWorld) keyPEM(key *ecdsa.PrivateKey) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		w.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// leaf makes a certificate and key of a role, with hostile names.
func (w *hostileWorld) leaf(usage x509.ExtKeyUsage, tag int, text string) (*x509.Certificate, *ecdsa.PrivateKey) {
	key := newECKey(w.t)
	return w.sign(rawName(w.t, tag, text), func(c *x509.Certificate) {
		c.BasicConstraintsValid, c.ExtKeyUsage, c.DNSNames = true, []x509.ExtKeyUsage{usage}, []string{"hv1", "x\x1b[2K\r\nFORGED"}
	}, key), key
}

func (w *hostileWorld) crl(certs ...*x509.Certificate) []byte {
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour)}
	for _, cert := range certs {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: cert.SerialNumber, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, w.ca, w.key)
	if err != nil {
		w.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

// image makes {root}: a host with a CA.
func (w *hostileWorld) image() {
	pki := filepath.Join(w.root, "etc/pki")
	server, serverKey := w.leaf(x509.ExtKeyUsageServerAuth, asn1.TagUTF8String, hostileText)
	client, clientKey := w.leaf(x509.ExtKeyUsageClientAuth, asn1.TagUTF8String, hostileText)
	revoked, _ := w.leaf(x509.ExtKeyUsageClientAuth, asn1.TagUTF8String, hostileText)
	w.write(filepath.Join(pki, "CA/cacert.pem"), certPEM(w.ca), 0o644)
	w.write(filepath.Join(pki, "CA/private/cakey.pem"), w.keyPEM(w.key), 0o600)
	w.write(filepath.Join(pki, "CA/cacrl.pem"), w.crl(revoked), 0o644)
	for _, cert := range []*x509.Certificate{server, client, revoked} {
		w.write(filepath.Join(pki, fmt.Sprintf("CA/newcerts/%X.pem", cert.SerialNumber)), certPEM(cert), 0o644)
	}
	w.write(filepath.Join(pki, "libvirt/servercert.pem"), certPEM(server), 0o644)
	w.write(filepath.Join(pki, "libvirt/clientcert.pem"), certPEM(client), 0o644)
	w.write(filepath.Join(pki, "libvirt/private/serverkey.pem"), w.keyPEM(serverKey), 0o600)
	w.write(filepath.Join(pki, "libvirt/private/clientkey.pem"), w.keyPEM(clientKey), 0o600)
	w.write(filepath.Join(pki, "qemu/server-cert.pem"), certPEM(client), 0o644)
	w.write(filepath.Join(w.root, "etc/libvirt/libvirtd.conf"), hostileConf(), 0o644)
	w.write(filepath.Join(w.root, "etc/libvirt/qemu.conf"), []byte("default_tls_x509_cert_dir = \"/etc/"+strings.ReplaceAll(hostileText, "\n", "")+"\"\n"), 0o644)
	w.write(filepath.Join(w.root, "etc/libvirt/libvirt.conf"), []byte("uri_aliases = [\""+strings.ReplaceAll(hostileText, "\n", "")+"=qemu+tls://hv1/system\"]\n"), 0o644)
}

func hostileConf() []byte {
	return []byte("# " + strings.ReplaceAll(hostileText, "\n", "") + "\ntls_allowed_dn_list = [\"\"\"O=" + hostileText + "*\"\"\", \"CN=[a\"]\nkey_file = \"/etc/" + strings.ReplaceAll(hostileText, "\n", "") + "\"\n")
}

// files makes the files in {dir}, and the servers.
func (w *hostileWorld) files() {
	at := func(name string) string { return filepath.Join(w.dir, name) }
	leaf, leafKey := w.leaf(x509.ExtKeyUsageClientAuth, asn1.TagUTF8String, hostileText)
	t61, _ := w.leaf(x509.ExtKeyUsageClientAuth, asn1.TagT61String, hostileName)
	served, servedKey := w.leaf(x509.ExtKeyUsageServerAuth, asn1.TagUTF8String, hostileText)
	w.write(at("ca.pem"), certPEM(w.ca), 0o644)
	w.write(at("ca.key"), w.keyPEM(w.key), 0o600)
	w.write(at("leaf.pem"), certPEM(leaf), 0o644)
	w.write(at("t61.pem"), certPEM(t61), 0o644)
	w.write(at("crl.pem"), w.crl(leaf), 0o644)
	w.write(at("junk"), []byte(hostileText), 0o600)
	w.write(at("libvirtd.conf"), hostileConf(), 0o644)
	w.write(at("hosts"), []byte("hv1 hv1.lab.example\n"), 0o644)
	w.write(at("badhosts"), []byte("hv1 "+hostileText+"\n"+hostileText+"\n"), 0o644)
	w.write(at("index.txt"), []byte("V\t300101000000Z\t\t"+hostileText+"\tunknown\t/CN="+hostileText+"\n"), 0o644)
	w.write(at("answer.pem"), slices.Concat(certPEM(leaf), certPEM(w.ca), w.crl()), 0o644)
	w.write(at("request.csr"), w.csr(pkix.Name{Organization: []string{hostileText}, CommonName: hostileText}, leafKey), 0o644)
	w.write(at("good.csr"), w.csr(pkix.Name{CommonName: "alice"}, newECKey(w.t)), 0o644)
	for name, data := range map[string][]byte{"cacert.pem": certPEM(w.ca), "clientcert.pem": certPEM(leaf), "clientkey.pem": w.keyPEM(leafKey)} {
		w.write(at("flat/"+name), data, 0o600)
		w.write(at("bundles/"+hostileName+"/"+name), data, 0o600)
	}
	w.serve(tls.Certificate{Certificate: [][]byte{served.Raw, w.ca.Raw}, PrivateKey: servedKey})
}

func (w *hostileWorld) csr(name pkix.Name, key *ecdsa.PrivateKey) []byte {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: name, DNSNames: []string{"hv1"}}, key)
	if err != nil {
		w.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// serve starts a server that nobody trusts, and one with hostile errors.
func (w *hostileWorld) serve(pair tls.Certificate) {
	w.addr = listen(w.t, func(conn net.Conn) { tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{pair}}).Handshake() })
	p := newFakePKI(w.t)
	w.good = p.folder
	body := append([]byte("!"), hostileText...)
	w.bad = listen(w.t, libvirtd(&tls.Config{Certificates: []tls.Certificate{p.issue(nil)}}, "\x01", answering(map[uint32][]byte{1: body, 59: body, 66: body})))
}

// args fills the values of this world into arguments.
func (w *hostileWorld) args(line string) []string {
	fresh := filepath.Join(w.dir, "fresh")
	if err := os.RemoveAll(fresh); err != nil {
		w.t.Fatal(err)
	}
	w.write(filepath.Join(fresh, "etc/libvirt/libvirtd.conf"), hostileConf(), 0o644)
	args := strings.Fields(line)
	for i := range args {
		args[i] = strings.NewReplacer("{root}", w.root, "{dir}", w.dir, "{fresh}", fresh, "{addr}", w.addr, "{error}", w.bad, "{good}", w.good, "{bad}", hostileText).Replace(args[i])
	}
	return args
}

// run returns everything that a command line prints.
func (w *hostileWorld) run(args []string) string {
	var out bytes.Buffer
	e := w.env(&out)
	e.stdout = &out
	run(context.Background(), e, args)
	return out.String()
}

// env returns an env that prints everything to stderr.
func (w *hostileWorld) env(stderr io.Writer) *env {
	e := newEnv()
	e.stdin, e.stderr = strings.NewReader(hostileText+"\n"), stderr
	e.here.Hostname = func() (string, error) { return "hv1", nil }
	e.here.Addresses = func() ([]net.IP, error) { return nil, nil }
	e.askLine = func(prompt string) (string, error) { io.WriteString(stderr, prompt); return "", nil }
	return e
}

// wrongIn names the characters that must not reach a terminal. Line ends and tabs are allowed
// where they are virtpki's own and not those of hostileText.
func wrongIn(text string) string {
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		around := text[max(0, i-60):min(len(text), i+60)]
		switch {
		case r == '\n' && strings.HasPrefix(text[i+1:], "FORGED"), r == '\t' && strings.HasPrefix(text[i+1:], "TAB"):
			return fmt.Sprintf("%q in %q", r, around)
		case r == '\n', r == '\t':
		case r == utf8.RuneError && size == 1:
			return fmt.Sprintf("the byte %02x in %q", text[i], around)
		case unicode.In(r, unicode.C, unicode.Zl, unicode.Zp, unicode.Variation_Selector), unicode.Is(unicode.Zs, r) && r != ' ':
			return fmt.Sprintf("%U in %q", r, around)
		}
	}
	return ""
}

// commandPaths lists the commands that do something.
func commandPaths(cmd *cobra.Command) []string {
	var paths []string
	if cmd.Runnable() || !cmd.HasSubCommands() && !cmd.IsAdditionalHelpTopicCommand() {
		paths = append(paths, cmd.CommandPath())
	}
	for _, child := range cmd.Commands() {
		paths = append(paths, commandPaths(child)...)
	}
	return paths
}

// Every command meets a hostile CA and hostile certificates, lists, files, directories,
// configuration files, servers and arguments. None of the hostile characters may reach a terminal.
func TestNothingMovesTheCursor(t *testing.T) {
	for _, path := range commandPaths(newRoot(newEnv())) {
		lines, known := hostileCommands[path]
		if !known {
			t.Errorf("%s is not in the table of this test", path)
		}
		t.Run(path, func(t *testing.T) {
			w := newHostileWorld(t)
			words := strings.Fields(path)[1:]
			hostile := []string{"--" + hostileText, "--root=" + hostileText, hostileText, "--json=" + hostileText}
			t.Chdir(t.TempDir()) // some of the arguments are taken for paths
			for i, line := range slices.Concat(lines, hostile, lines) {
				if i == len(lines)+len(hostile) {
					w.write(filepath.Join(w.root, "etc/pki/CA/newcerts", hostileName+".pem"), []byte("junk"), 0o644)
				}
				args := w.args(line)
				if slices.Contains(hostile, line) {
					args = []string{line}
				}
				args = append(slices.Clone(words), args...)
				for _, args := range [][]string{args, append(slices.Clone(args), "--json"), append([]string{"__complete"}, args...)} {
					said := w.run(args)
					t.Logf("%q\n%s", args, said)
					if wrong := wrongIn(said); wrong != "" {
						t.Errorf("virtpki %s: %s", strings.Join(args, " "), wrong)
					}
				}
			}
		})
	}
}
