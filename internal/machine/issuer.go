package machine

import (
	"strings"

	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
)

// IssuerFile is the path of the configuration file of a machine's issuer, which is a CA that is a
// service.
const IssuerFile = "/etc/virtpki/issuer.yaml"

// maxIssuer is more than that file needs, in bytes.
const maxIssuer = 64 << 10

// Issuer names the issuer of a machine for the commands that use it. The zero value is none.
type Issuer struct {
	Kind string // of the service: step or vault
	File string // as this process sees it
}

// Issuer returns the issuer of the machine: none if it has no such file, if the current user may
// not read it, or if it names a service that virtpki does not know.
func (m *Machine) Issuer() Issuer {
	path := m.Path(IssuerFile)
	data, err := m.Tree().ReadFile(path, maxIssuer)
	if err != nil {
		return Issuer{}
	}
	for line := range strings.Lines(string(data)) {
		kind, found := strings.CutPrefix(line, "issuer:")
		if kind = strings.Trim(strings.TrimSpace(kind), `"'`); found && (kind == "step" || kind == "vault") {
			return Issuer{kind, path}
		}
	}
	return Issuer{}
}

// RenewFlag returns the flag with which renew has the issuer sign, with a blank before it. It is
// empty if the CA's key is on this machine, or if there is no issuer.
func (m *Machine) RenewFlag() string {
	issuer := m.Issuer()
	if issuer.None() || m.Tree().Exists(libvirt.CA(m.CAPath()).Path(libvirt.CAKey)) {
		return ""
	}
	return " " + issuer.Flag()
}

// None reports whether there is no issuer.
func (i Issuer) None() bool { return i.File == "" }

// Flag returns the flag with which renew and bootstrap have the issuer sign.
func (i Issuer) Flag() string { return "--issuer " + termtext.ShellWord(i.File) }

// Filter returns the command that has the issuer sign the requests on its standard input.
func (i Issuer) Filter() string {
	command := "virtpki issuer " + i.Kind
	if i.File != IssuerFile {
		command += " --config " + termtext.ShellWord(i.File)
	}
	return command
}
