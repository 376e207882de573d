package issuer

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"virtpki/internal/issuer/vault"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// setups holds the commands that set up each kind of CA.
//
//go:embed setup/*.sh
var setups embed.FS

// Setup returns the shell commands that set up the CA for this configuration.
func (c *Config) Setup() string {
	text, err := setups.ReadFile("setup/" + c.Kind + ".sh")
	if err != nil {
		panic(err)
	}
	return strings.NewReplacer(
		"{{server}}", termtext.ShellWord(c.Profile(pki.Server).name(defaultServer)),
		"{{client}}", termtext.ShellWord(c.Profile(pki.Client).name(defaultClient)),
		"{{mount}}", termtext.ShellWord(strings.Trim(cmp.Or(c.Mount, vault.DefaultMount), "/")),
	).Replace(string(text))
}

// The default names of provisioners or roles on a CA.
const (
	defaultServer = "libvirt-server"
	defaultClient = "libvirt-client"
)

func (p Profile) name(otherwise string) string { return cmp.Or(p.Provisioner, p.Role, otherwise) }

// Encode returns the contents of the issuer's configuration file.
func (c *Config) Encode() ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# The CA of this host. Written by: virtpki issuer init %s\n", c.Kind)
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(c); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}
