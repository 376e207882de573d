package issuer

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/machine"
	"virtpki/internal/store"
)

// Answers holds the answers that the flags of init give. Complete asks for the empty ones.
type Answers struct {
	URL, Root, CAFile, Mount, Namespace string
	Server, Client                      string // provisioners or roles
	ServerSecret, ClientSecret          string // files with the passwords of the provisioners
	TokenFile, RoleID, SecretIDFile     string
	Redirects                           []string // other hosts of the CA
}

// question is one that init asks.
type question struct {
	text      string
	otherwise string // for an empty answer; without one an answer is needed
	optional  bool
	answer    *string
}

// questions returns the questions for a kind of issuer, in their order.
func (a *Answers) questions(kind string) []question {
	dir := filepath.Dir(DefaultFile)
	if kind == Step {
		return []question{
			{"Address of step-ca, such as https://ca.example.com:9000", "", false, &a.URL},
			{"SHA-256 fingerprint of its root (step certificate fingerprint root_ca.crt)", "", false, &a.Root},
			{"JWK provisioner for servers", defaultServer, false, &a.Server},
			{"File with its password", filepath.Join(dir, "server.password"), false, &a.ServerSecret},
			{"JWK provisioner for clients", defaultClient, false, &a.Client},
			{"File with its password", filepath.Join(dir, "client.password"), false, &a.ClientSecret},
		}
	}
	all := []question{
		{"Address of Vault, such as https://vault.example.com:8200", "", false, &a.URL},
		{"File with the CA of its certificate (Enter: the CAs of the system)", "", true, &a.CAFile},
		{"Mount of its PKI engine", "pki", false, &a.Mount},
		{"Role for servers", defaultServer, false, &a.Server},
		{"Role for clients", defaultClient, false, &a.Client},
	}
	if a.TokenFile == "" {
		all = append(all, question{"role-id of its AppRole (Enter: a token is used)", "", true, &a.RoleID})
	}
	return all
}

// secrets returns the questions that depend on an earlier answer.
func (a *Answers) secrets(kind string) []question {
	dir := filepath.Dir(DefaultFile)
	switch {
	case kind == Vault && a.RoleID != "":
		return []question{{"File with its secret-id", filepath.Join(dir, "secret-id"), false, &a.SecretIDFile}}
	case kind == Vault:
		return []question{{"File with the token", filepath.Join(dir, "token"), false, &a.TokenFile}}
	}
	return nil
}

// Complete asks for the answers that no flag has given.
func (a *Answers) Complete(kind string, ask func(question string) (string, error)) error {
	for _, questions := range []func(string) []question{a.questions, a.secrets} {
		for _, q := range questions(kind) {
			if *q.answer != "" {
				continue
			}
			answer, err := ask(q.prompt())
			if err != nil {
				return hint.With(fmt.Errorf("%s: %w", q.text, err), "give it with a flag, see: virtpki issuer init %s --help", kind)
			}
			if *q.answer = cmp.Or(strings.TrimSpace(answer), q.otherwise); *q.answer == "" && !q.optional {
				return fmt.Errorf("%s: no answer", q.text)
			}
		}
	}
	return nil
}

func (q question) prompt() string {
	if q.otherwise != "" {
		return fmt.Sprintf("%s [%s]: ", q.text, q.otherwise)
	}
	return q.text + ": "
}

// Config returns the configuration that the answers make, checked.
func (a *Answers) Config(kind string) (*Config, error) {
	c := a.bare(kind)
	return c, c.check()
}

// bare returns the configuration of [Answers.Config] without checking it.
func (a *Answers) bare(kind string) *Config {
	c := &Config{Kind: kind, URL: a.URL, CAFile: a.CAFile, Namespace: a.Namespace, Redirects: a.Redirects}
	if a.Root != "" {
		c.Roots = []string{a.Root}
	}
	if kind == Step {
		c.Server = Profile{Provisioner: a.Server, Password: fileSecret(a.ServerSecret)}
		c.Client = Profile{Provisioner: a.Client, Password: fileSecret(a.ClientSecret)}
		return c
	}
	c.Mount, c.Server, c.Client = a.Mount, Profile{Role: a.Server}, Profile{Role: a.Client}
	if a.RoleID != "" {
		c.AppRole = &AppRole{RoleID: a.RoleID, SecretID: fileSecret(a.SecretIDFile)}
	} else {
		c.Token = fileSecret(a.TokenFile)
	}
	return c
}

// Setup returns the commands that set up the CA, with the names that are already known.
func (a *Answers) Setup(kind string) string { return a.bare(kind).Setup() }

func fileSecret(path string) *Secret {
	if path == "" {
		return nil
	}
	return &Secret{File: path}
}

// Plan plans the issuer's configuration file, which only its owner can read.
func (c *Config) Plan(j *change.Job, path string, force bool) error {
	data, err := c.Encode()
	if err != nil {
		return err
	}
	if err := j.Plan.Parents(filepath.Dir(path), 0o755, machine.Owner()); err != nil {
		return err
	}
	o := store.Output{Path: path, Data: data, Mode: 0o600, Ours: change.WrittenText, Force: force}
	return change.PlanOutput(&j.Plan, o, "--config")
}

// NotePins notes the fingerprint that would identify the CA, if the configuration has none.
func (c *Config) NotePins(j *change.Job, t *Trial) {
	for _, ca := range t.CAs {
		if ca.Root && len(c.Roots) == 0 {
			j.Note("a new host trusts %s without a check; add root-fingerprints: [%s] if the CA publishes that fingerprint", ca.DN, ca.Fingerprint)
		}
	}
}
