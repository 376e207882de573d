package issuer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"virtpki/internal/hint"
	"virtpki/internal/issuer/web"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/pki"
)

// The kinds of issuers.
const (
	Step  = "step"
	Vault = "vault"
)

// Kinds lists the kinds of issuers.
func Kinds() []string { return []string{Step, Vault} }

// DefaultFile is the path of the configuration file of this machine's issuer.
const DefaultFile = machine.IssuerFile

// maxConfig is more than a file of an issuer needs, in bytes.
const maxConfig = 64 << 10

// Config is the configuration file of an issuer. It does not hold secrets: it names the files,
// descriptors (/dev/fd/N) and environment variables that hold them.
type Config struct {
	Kind string `yaml:"issuer"` // Step or Vault
	URL  string `yaml:"url"`

	// Roots are SHA-256 fingerprints of the root certificates that the issuer's certificates
	// may come from. step-ca itself is known by them too.
	Roots  []string `yaml:"root-fingerprints,omitempty"`
	CAFile string   `yaml:"ca-file,omitempty"` // CA certificates that verify the service; empty for the system's
	Proxy  string   `yaml:"proxy,omitempty"`   // empty for that of the environment, "none" for none
	CRL    string   `yaml:"crl,omitempty"`     // address; empty for the service's own, "none" for none
	// Redirects are the other hosts to which the service may redirect, with the secrets of the
	// request: the nodes of a Vault.
	Redirects []string `yaml:"redirects,omitempty"`

	Timeout  string `yaml:"timeout,omitempty"`  // of one attempt
	Attempts int    `yaml:"attempts,omitempty"` // of each request

	Server Profile `yaml:"server"`
	Client Profile `yaml:"client"`

	// Of Vault.
	Mount     string   `yaml:"mount,omitempty"`
	Namespace string   `yaml:"namespace,omitempty"`
	Token     *Secret  `yaml:"token,omitempty"`
	AppRole   *AppRole `yaml:"approle,omitempty"`
}

// Profile says how certificates of one role are requested.
type Profile struct {
	// Of step-ca: a JWK provisioner, the password of its key, and a file with the key, if
	// step-ca does not keep it.
	Provisioner string  `yaml:"provisioner,omitempty"`
	Password    *Secret `yaml:"password,omitempty"`
	KeyFile     string  `yaml:"key-file,omitempty"`
	// Of Vault: a role of the PKI engine.
	Role string `yaml:"role,omitempty"`
}

// AppRole is how virtpki logs in to Vault.
type AppRole struct {
	Mount    string  `yaml:"mount,omitempty"`
	RoleID   string  `yaml:"role-id"`
	SecretID *Secret `yaml:"secret-id"`
}

// Secret says where a secret is.
type Secret struct {
	File string `yaml:"file,omitempty"`
	Env  string `yaml:"env,omitempty"`
}

// none as [Config.CRL] asks for no CRL.
const none = "none"

// Load reads the configuration file of an issuer. It refuses a file that others can read or
// write, because the file decides which CA this machine trusts.
func Load(path string) (*Config, error) {
	data, err := store.Tree{}.ReadPrivate(path, maxConfig)
	if err != nil {
		return nil, err
	}
	c, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Parse decodes and checks the contents of an issuer's configuration file.
func Parse(data []byte) (*Config, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	c := &Config{}
	switch err := decoder.Decode(c); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("it is empty")
	case err != nil:
		return nil, wordYAML(err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("it contains more than one document")
	}
	return c, c.check()
}

// wordYAML words an error of the YAML library in one line. It leaves out names of Go types and
// all values: somebody may have written a password where the name of its file belongs.
func wordYAML(err error) error {
	var many *yaml.TypeError
	if errors.As(err, &many) && len(many.Errors) > 0 {
		text, _, _ := strings.Cut(many.Errors[0], " in type ")
		if line, _, ok := strings.Cut(text, ": cannot unmarshal"); ok {
			return fmt.Errorf("%s: the value has another form than its field", line)
		}
		return errors.New(strings.Replace(text, " not found", " is not known", 1))
	}
	return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
}

// check returns an error for the first wrong value.
func (c *Config) check() error {
	if !slices.Contains(Kinds(), c.Kind) {
		return fmt.Errorf("issuer is %q (one of %s)", c.Kind, strings.Join(Kinds(), ", "))
	}
	if err := web.CheckURL(c.URL, "https"); err != nil {
		return fmt.Errorf("url: %w", err)
	}
	c.URL = strings.TrimRight(c.URL, "/")
	if err := hint.First(c.checkRoots(), c.checkAddresses(), c.checkPaths()); err != nil {
		return err
	}
	if _, err := c.timeout(); err != nil {
		return err
	}
	if c.Attempts < 0 || c.Attempts > 10 {
		return fmt.Errorf("attempts is %d (1 to 10)", c.Attempts)
	}
	if c.Server == (Profile{}) && c.Client == (Profile{}) {
		return errors.New("it names neither server nor client")
	}
	return hint.First(c.checkProfile("server", c.Server), c.checkProfile("client", c.Client), c.checkKind())
}

func (c *Config) checkRoots() error {
	for i, text := range c.Roots {
		bare := strings.ToLower(strings.ReplaceAll(text, ":", ""))
		if raw, err := hex.DecodeString(bare); err != nil || len(raw) != sha256.Size {
			return fmt.Errorf("root-fingerprints: %.80q is not a SHA-256 fingerprint, 64 hexadecimal digits", text)
		}
		c.Roots[i] = bare
	}
	return nil
}

func (c *Config) checkAddresses() error {
	if c.Proxy != "" && c.Proxy != web.NoProxy {
		if err := web.CheckURL(c.Proxy, "http", "https", "socks5"); err != nil {
			return fmt.Errorf("proxy: %w", err)
		}
	}
	if c.CRL != "" && c.CRL != none {
		if err := web.CheckURL(c.CRL, "http", "https"); err != nil { // a CRL is signed
			return fmt.Errorf("crl: %w", err)
		}
	}
	for _, host := range c.Redirects {
		if err := web.CheckHost(host); err != nil {
			return fmt.Errorf("redirects: %w", err)
		}
	}
	return nil
}

// checkPaths requires absolute paths, because renew runs in different directories.
func (c *Config) checkPaths() error {
	paths := []string{c.CAFile, c.Server.KeyFile, c.Client.KeyFile}
	for _, secret := range c.secrets() {
		if (secret.File == "") == (secret.Env == "") {
			return errors.New("a secret is named by either file or env")
		}
		paths = append(paths, secret.File)
	}
	for _, path := range paths {
		if path != "" && !filepath.IsAbs(path) {
			return fmt.Errorf("%q is not an absolute path", path)
		}
	}
	return nil
}

func (c *Config) secrets() []*Secret {
	all := []*Secret{c.Server.Password, c.Client.Password, c.Token}
	if c.AppRole != nil {
		all = append(all, c.AppRole.SecretID)
	}
	return slices.DeleteFunc(all, func(s *Secret) bool { return s == nil })
}

func (c *Config) timeout() (time.Duration, error) {
	if c.Timeout == "" {
		return web.DefaultTimeout, nil
	}
	timeout, err := time.ParseDuration(c.Timeout)
	if err != nil || timeout < time.Second || timeout > 5*time.Minute {
		return 0, fmt.Errorf("timeout is %.20q (1s to 5m)", c.Timeout)
	}
	return timeout, nil
}

// checkProfile requires the settings of the issuer's kind, and refuses those of another kind.
func (c *Config) checkProfile(name string, p Profile) error {
	isStep := p.Provisioner != "" || p.Password != nil || p.KeyFile != ""
	switch {
	case p == (Profile{}):
		return nil
	case c.Kind == Step && p.Role != "":
		return fmt.Errorf("%s: role is for Vault; step-ca needs a provisioner", name)
	case c.Kind == Step && p.Provisioner == "":
		return fmt.Errorf("%s has no provisioner", name)
	case c.Kind == Step && p.Password == nil && p.KeyFile == "":
		return fmt.Errorf("%s has no password, which opens the provisioner's key", name)
	case c.Kind == Vault && isStep:
		return fmt.Errorf("%s: Vault needs a role, and takes no provisioner, password or key-file", name)
	}
	return nil
}

func (c *Config) checkKind() error {
	if c.Kind == Step {
		if c.Mount != "" || c.Namespace != "" || c.Token != nil || c.AppRole != nil {
			return errors.New("mount, namespace, token and approle are for Vault only")
		}
		return nil
	}
	return c.checkVault()
}

func (c *Config) checkVault() error {
	switch a := c.AppRole; {
	case (c.Token == nil) == (a == nil):
		return errors.New("a Vault needs either token or approle")
	case a != nil && (a.RoleID == "" || a.SecretID == nil):
		return errors.New("approle needs role-id and secret-id")
	}
	for _, name := range []string{c.Mount, c.Server.Role, c.Client.Role} {
		if !isPath(name) {
			return fmt.Errorf("%.60q is not a name in Vault", name)
		}
	}
	if c.AppRole != nil && !isPath(c.AppRole.Mount) || strings.ContainsFunc(c.Namespace, isControl) {
		return errors.New("the mount of approle, or the namespace, is not a name in Vault")
	}
	return nil
}

// isPath reports whether a text can be a mount or a role of Vault: it must not leave the path
// that it is put into.
func isPath(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." || strings.ContainsFunc(part, isControl) || strings.ContainsAny(part, "?#%\\ ") {
			return false
		}
	}
	return true
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// Profile returns the profile of a role.
func (c *Config) Profile(role pki.Role) Profile {
	if role == pki.Server {
		return c.Server
	}
	return c.Client
}

// maxCAFile is more than the CA certificates of a service need, in bytes.
const maxCAFile = 1 << 20

// caFile reads the CA certificates that verify the service; nil stands for the system's.
func (c *Config) caFile() ([]byte, error) {
	if c.CAFile == "" {
		return nil, nil
	}
	return store.Tree{}.ReadOwn(c.CAFile, maxCAFile)
}
