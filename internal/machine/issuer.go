package machine

import (
	"path/filepath"
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
// not read it, or if it names a service that virtpki does not know. For an image it is also none if
// the file names anything outside of the image: a command with that file would send a secret of
// this machine to the address in it.
func (m *Machine) Issuer() Issuer {
	path := m.Path(IssuerFile)
	data, err := m.Tree().ReadFile(path, maxIssuer)
	if err != nil || !m.Live() && namesOutside(string(data), m.Root) {
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

// namesOutside reports whether an issuer's file may name a file that is not below a directory, or an
// environment variable. It does not read YAML: each slash that may begin a path counts.
func namesOutside(text, folder string) bool {
	if strings.ContainsRune(text, '\\') || strings.Contains(text, "..") || strings.Contains(text, "env") {
		return true
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return true
	}
	inside, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return true
	}
	for i := range len(text) {
		if text[i] != '/' || continuesWord(text, i) {
			continue
		}
		path, _, _ := strings.Cut(strings.TrimRight(text[i:], "\r"), "\n")
		if end := strings.IndexAny(path, "\"'}], \t\r"); end >= 0 {
			path = path[:end]
		}
		target, err := filepath.EvalSymlinks(path)
		if !strings.HasPrefix(path, folder+"/") || err == nil && !strings.HasPrefix(target, inside+"/") {
			return true
		}
	}
	return false
}

// continuesWord reports whether the slash at i stands within a word or an address, so that it does
// not begin a path.
func continuesWord(text string, i int) bool {
	isLetter := func(i int) bool {
		return i >= 0 && (text[i] >= 'a' && text[i] <= 'z' || text[i] >= 'A' && text[i] <= 'Z' || text[i] >= '0' && text[i] <= '9' || strings.IndexByte("-_./", text[i]) >= 0)
	}
	return isLetter(i-1) || i >= 1 && text[i-1] == ':' && isLetter(i-2) && strings.HasPrefix(text[i:], "//")
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
