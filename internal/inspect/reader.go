package inspect

import (
	"errors"
	"io/fs"
	"strings"
	"sync"

	"virtpki/internal/gnutls"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// reader reads the files of a machine, each once.
type reader struct {
	m      *machine.Machine
	seen   map[string]judge.File
	gnutls func() gnutls.Library // of the machine
}

func newReader(m *machine.Machine) *reader {
	return &reader{m: m, seen: make(map[string]judge.File), gnutls: sync.OnceValue(m.GnuTLS)}
}

// read reads a file once.
func (r *reader) read(path string) judge.File {
	if path == "" {
		return judge.File{Err: fs.ErrNotExist}
	}
	if f, ok := r.seen[path]; ok {
		return f
	}
	f := File(r.m.Tree(), path)
	r.seen[path] = f
	return f
}

// spot inspects one of the files of a place, and whether it can be read.
func (r *reader) spot(path string) judge.Spot {
	s := Spot(r.m.Tree(), path)
	if s.Err == nil && s.Mode.IsRegular() {
		s.Unread = r.read(path).Err
	}
	return s
}

// closed reports whether the current user may not look into a file's directory: then it is unknown
// whether the file exists.
func (r *reader) closed(path string) bool {
	return errors.Is(Spot(r.m.Tree(), path).Err, fs.ErrPermission)
}

// set returns the files of a role in a layout.
func (r *reader) set(role judge.Role, product string, layout libvirt.Layout) judge.Set {
	return judge.Set{Role: role, Product: product, GnuTLS: r.gnutls(),
		CA: r.read(layout.Path(libvirt.CACert)), CRL: r.read(layout.Path(libvirt.CACRL)),
		Cert: r.read(layout.Path(libvirt.CertFile(string(role)))), Key: r.read(layout.Path(libvirt.KeyFile(string(role))))}
}

// identities returns servercert0.pem or clientcert0.pem and so on, up to the first that is missing.
// libvirt 11.10 and later read them beside the plain pair.
func (r *reader) identities(role judge.Role, layout libvirt.Layout) []judge.Identity {
	var more []judge.Identity
	for _, n := range []string{"0", "1", "2", "3"} {
		cert := r.read(strings.TrimSuffix(layout.Path(libvirt.CertFile(string(role))), ".pem") + n + ".pem")
		key := r.read(strings.TrimSuffix(layout.Path(libvirt.KeyFile(string(role))), ".pem") + n + ".pem")
		if cert.Absent() && key.Absent() || errors.Is(cert.Err, fs.ErrPermission) && errors.Is(key.Err, fs.ErrPermission) && r.closed(cert.Path) && r.closed(key.Path) {
			break
		}
		more = append(more, judge.Identity{Cert: cert, Key: key})
	}
	return more
}

// crl returns a file as a CRL, and the time at which its newest list was made.
func (r *reader) crl(path string) judge.NamedCRL {
	named := judge.NamedCRL{File: r.read(path)}
	lists, err := pki.ParseCRLs(named.Data)
	if err != nil {
		return named
	}
	for _, list := range lists {
		if list.ThisUpdate.After(named.Made) {
			named.Made = list.ThisUpdate
		}
	}
	return named
}

// certName returns the CN of a certificate, if a command can issue a certificate of the role under it.
func (r *reader) certName(path string, role judge.Role) string {
	certs, err := pki.ParseCertificates(r.read(path).Data)
	if err != nil {
		return ""
	}
	if name := certs[0].Subject.CommonName; typable(role, name) {
		return name
	}
	return ""
}

// typable reports whether a command can issue a certificate of a role under a name. A command takes a
// name that begins with a dash for a flag, and whoever made the certificate has chosen the name.
func typable(role judge.Role, name string) bool {
	if role == judge.Server {
		return subject.CheckHost(name) == nil
	}
	return subject.CheckClient(name) == nil && !strings.HasPrefix(name, "-")
}
