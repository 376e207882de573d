package main

import (
	"path/filepath"
	"strings"

	"virtpki/internal/judge"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// nameOf is the name that a new pair for a role should have, quoted for a shell; empty
// where nothing tells it. A machine has its own; the files of another tell its name by
// the pair that is there, by the one before that, or by its hostname file.
func (c *checker) nameOf(role judge.Role) string {
	layout := c.g.System()
	file := libvirt.CertFile(string(role))
	places := []string{layout.Path(file), keypair.PreviousPath(c.g.Tree(), layout, file)}
	switch {
	case c.o.pkipath != "":
		places = []string{libvirt.Flat(filepath.Clean(c.o.pkipath)).Path(file)}
	case len(c.machine.Names) > 0:
		return termtext.ShellWord(c.machine.Names[len(c.machine.Names)-1])
	}
	for _, path := range places {
		if name := c.certName(path, role); name != "" && c.renewable(role, path) {
			return termtext.ShellWord(name)
		}
	}
	if c.o.pkipath != "" {
		return ""
	}
	if name := strings.TrimSpace(string(c.file(c.g.Path("/etc/hostname")).Data)); subject.CheckHost(name) == nil {
		return termtext.ShellWord(name)
	}
	return c.nameOfOther(role)
}

// nameOfOther is the name of the host by the pair of its other role. A client may be
// called by a person's name: one with a domain is a host's.
func (c *checker) nameOfOther(role judge.Role) string {
	other := map[judge.Role]libvirt.File{judge.Server: libvirt.ClientCert, judge.Client: libvirt.ServerCert}[role]
	if name := c.certName(c.g.System().Path(other), judge.Server); strings.Contains(name, ".") {
		return termtext.ShellWord(name)
	}
	return ""
}

// certName is the CN of a certificate, where a certificate of the role can be issued
// under it.
func (c *checker) certName(path string, role judge.Role) string {
	certs, err := pki.ParseCertificates(c.file(path).Data)
	if err != nil {
		return ""
	}
	name := certs[0].Subject.CommonName
	if role == judge.Server && subject.CheckHost(name) != nil || role == judge.Client && subject.CheckClient(name) != nil {
		return ""
	}
	return name
}

// flatRole is the role of a file by its name.
func flatRole(path string) judge.Role {
	if strings.HasPrefix(filepath.Base(path), "server") {
		return judge.Server
	}
	return judge.Client
}
