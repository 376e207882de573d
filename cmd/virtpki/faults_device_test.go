package main

import (
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"virtpki/internal/keypair"
	"virtpki/internal/lab/labvault"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
)

// deviceFaultCases are the cases of a CA with its key in a device.
func deviceFaultCases() []faults {
	return []faults{{
		// The token is beside the roots: one run makes the key, and the others take it. They take turns:
		// SoftHSM does not see a token while another process writes to it.
		name:    "ca init --key-uri",
		prepare: prepareToken,
		command: []string{"ca", "init", "--sysconfdir", "ROOT/etc", "--name", "Example Org", "--key-uri", "pkcs11:token=lab;object=ca?pin-source=file:FOLDER/pin",
			"--p11-command", "exec flock --no-fork FOLDER/turn env SOFTHSM2_CONF=FOLDER/softhsm2.conf p11-kit remote /usr/lib/softhsm/libsofthsm2.so"},
		check: func(t *testing.T, at scene) { checkNamedKey(t, at) },
		again: finishNamedKey,
	}}
}

// prepareToken makes a token of SoftHSM, and the file of its PIN.
func prepareToken(t *testing.T, in injector, root string) {
	t.Helper()
	for name, text := range map[string]string{"pin": "1234\n", "softhsm2.conf": "directories.tokendir = " + in.folder + "/tokens\nlog.level = ERROR\n"} {
		if err := os.WriteFile(filepath.Join(in.folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(in.folder, "tokens"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("softhsm2-util", "--init-token", "--free", "--label", "lab", "--pin", "1234", "--so-pin", "5678")
	cmd.Env = append(os.Environ(), "SOFTHSM2_CONF="+in.folder+"/softhsm2.conf")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}

// checkNamedKey checks that the file that names the key was written first, whole, and that the CA's
// other files are whole. It returns the CA's certificate, or nil if there is none.
func checkNamedKey(t *testing.T, at scene) *x509.Certificate {
	t.Helper()
	layout := libvirt.CA(caOf(at))
	certs, err := keypair.ReadCerts(store.Tree{}, layout.Path(libvirt.CACert))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	text, err := os.ReadFile(layout.Path(libvirt.CAKey))
	switch named := strings.HasPrefix(string(text), "-----BEGIN PKCS#11 PROVIDER URI-----") && strings.HasSuffix(string(text), "-----END PKCS#11 PROVIDER URI-----\n"); {
	case os.IsNotExist(err) && certs == nil:
		return nil
	case err != nil || !named:
		t.Errorf("the file that names the CA's key: %v\n%s", err, text)
	}
	if certs == nil {
		return nil
	}
	readCRL(t, layout.Path(libvirt.CACRL), certs[0])
	checkOpenSSL(t, at)
	return certs[0]
}

// finishNamedKey is finishCA for a key in a token: in the end the CA signs with it.
func finishNamedKey(t *testing.T, at scene, first, second outcome) {
	t.Helper()
	wantMade(t, at, first, second)
	if checkNamedKey(t, at) == nil {
		t.Error("there is no CA")
	}
	at.must(t, at.root, "issue", "client", "alice", "--sysconfdir", "ROOT/etc", "--out", "ROOT/out", "--layout", "pkipath")
	checkOpenSSL(t, at, "/out/alice/clientcert.pem")
}

// issuerInitCommand writes the file of an issuer, after its CA has signed two certificates.
var issuerInitCommand = []string{"issuer", "init", "vault", "--config", "ROOT/etc/virtpki/issuer.yaml", "--url", "VAULT", "--ca-file", "FOLDER/vault.pem",
	"--mount", "pki", "--server", "libvirt-server", "--client", "libvirt-client", "--token-file", "FOLDER/token"}

// prepareVault starts a Vault, and makes the files with its CA and a token.
func prepareVault(t *testing.T, in injector, _ string) {
	t.Helper()
	vault := labvault.Start(t)
	in.words["VAULT"] = vault.URL
	for name, text := range map[string]string{"vault.pem": string(vault.Cert), "token": labvault.Token + "\n"} {
		if err := os.WriteFile(filepath.Join(in.folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
