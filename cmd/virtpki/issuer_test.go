package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"virtpki/internal/lab/labvault"
)

// TestIssuer runs every script of testdata/issuer. VAULT is the address of a Vault whose mounts
// behave in each way (labvault.Mounts). vault.pem holds the CA of its certificate, and token holds
// a token. The clock is that of this machine, because Vault uses it too.
func TestIssuer(t *testing.T) {
	vault := labvault.Start(t)
	p := scriptParams("../../testdata/issuer")
	setup := p.Setup
	p.Setup = func(env *testscript.Env) error {
		if err := setup(env); err != nil {
			return err
		}
		env.Setenv("NOW", "")
		env.Setenv("VAULT", vault.URL)
		if err := os.Chmod(env.WorkDir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(env.WorkDir, "vault.pem"), vault.Cert, 0o644); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(env.WorkDir, "token"), []byte(labvault.Token+"\n"), 0o600)
	}
	testscript.Run(t, p)
}
