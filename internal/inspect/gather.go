package inspect

import (
	"crypto/x509"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"virtpki/internal/authority"
	"virtpki/internal/gnutls"
	"virtpki/internal/judge"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// fixer gathers the facts that decide how a finding is fixed here. It looks at files only when a
// finding needs them.
func (c *inspector) fixer() *fixer {
	ca := libvirt.CA(c.m.CAPath())
	n := namesOf(c.m)
	n.files, n.folder, n.here = c.files, c.r.PKIPath, c.machine.Names
	x := &fixer{
		flags: c.m.Flags(), system: c.m.System(), caKey: ca.Path(libvirt.CAKey), signs: n.signs, issuer: c.m.Issuer(),
		folder: c.r.PKIPath != "", users: c.users, root: os.Geteuid() == 0, theirs: os.Geteuid() != 0 && c.m.Live(),
		areas: c.gathered.areas, asked: c.asked, uses: c.uses,
		caBroken: func() bool { return len(c.caKey()) > 0 },
		exists:   c.m.Tree().Exists,
		stands: func(path string) bool {
			_, err := c.m.Tree().Lstat(path)
			return err == nil
		},
		certError: func(path string) error {
			_, err := pki.ParseCertificates(c.files.read(path).Data)
			return err
		},
		keyError: func(path string) error {
			_, err := pki.ParseKey(c.files.read(path).Data, nil)
			return err
		},
		waits: func(role judge.Role) bool {
			return c.m.Tree().Exists(c.m.System().Path(libvirt.PendingFile(string(role))))
		},
		read:   func(path string) []byte { return c.files.read(path).Data },
		leaves: c.leaves, caOf: c.caOf, keyOf: c.keyOf,
		name: n.of, renewable: n.renewable, often: c.often,
		qemuConf: libvirt.QEMUConfPath(c.m.Path(c.m.Sysconfdir)), live: c.m.Live(), unread: make(map[string][]string),
	}
	if x.live {
		x.via = viaOf(c.m) // a command of an image is for the machine that runs it
	} else {
		x.image = c.m.Root
	}
	if c.list != nil {
		x.serving = c.m.Path(c.list.Server().ConfPath)
		for _, u := range c.list.Unread() {
			x.unread[c.m.Path(u.Path)] = u.Settings
		}
	}
	return x
}

// names finds the name that a new certificate should have.
type names struct {
	files  *reader
	folder string   // for ?pkipath=
	here   []string // of the running machine
	signs  bool     // the CA's key is here
	ca     func() (*authority.Authority, error)
}

// namesOf returns the part of names that the CA of a machine decides.
func namesOf(m *machine.Machine) *names {
	return &names{
		signs: m.Tree().Exists(libvirt.CA(m.CAPath()).Path(libvirt.CAKey)),
		ca: sync.OnceValues(func() (*authority.Authority, error) {
			a, _, err := authority.Read(m)
			return a, err
		}),
	}
}

// of returns the name that a new pair for a role should have, quoted for a shell; empty if it is
// not known. The running machine has its own name. For the files of another machine, of takes the
// name from the existing pair, the previous pair, or the hostname file.
func (n *names) of(role judge.Role) string {
	layout := n.files.m.System()
	file := libvirt.CertFile(string(role))
	places := []string{layout.Path(file), keypair.PreviousPath(n.files.m.Tree(), layout, file)}
	switch {
	case n.folder != "":
		places = []string{libvirt.Flat(filepath.Clean(n.folder)).Path(file)}
	case len(n.here) > 0:
		return termtext.ShellWord(n.here[len(n.here)-1])
	}
	for _, path := range places {
		if name := n.files.certName(path, role); name != "" && n.renewable(role, path) {
			return termtext.ShellWord(name)
		}
	}
	if n.folder != "" {
		return ""
	}
	if name := strings.TrimSpace(string(n.files.read(n.files.m.Path("/etc/hostname")).Data)); subject.CheckHost(name) == nil {
		return termtext.ShellWord(name)
	}
	return n.ofOther(role)
}

// ofOther returns the name of the host by the pair of its other role. A client may have a person's
// name: a name with a domain is a host's.
func (n *names) ofOther(role judge.Role) string {
	other := map[judge.Role]libvirt.File{judge.Server: libvirt.ClientCert, judge.Client: libvirt.ServerCert}[role]
	if name := n.files.certName(n.files.m.System().Path(other), judge.Server); strings.Contains(name, ".") {
		return termtext.ShellWord(name)
	}
	return ""
}

// renewable reports whether renew uses the names of a certificate.
func (n *names) renewable(role judge.Role, cert string) bool {
	certs, err := pki.ParseCertificates(n.files.read(cert).Data)
	return err != nil || n.grants(role, certs[0])
}

// grants reports whether the CA here may make a certificate with the names of another. If the CA's
// key is here, the other must not be of another CA, or for another role.
func (n *names) grants(role judge.Role, cert *x509.Certificate) bool {
	if !n.signs {
		return true
	}
	a, err := n.ca()
	return err != nil || a.Granted(cert) && slices.Contains(pki.RolesOf(cert), pki.Role(role))
}

// layoutsHere returns the places of certificates on this machine: the system's, and the directories
// of QEMU's.
func (c *inspector) layoutsHere() []libvirt.Layout {
	layouts := []libvirt.Layout{c.m.System()}
	for _, dir := range slices.Sorted(maps.Keys(c.uses)) {
		layouts = append(layouts, libvirt.QEMUFolder(dir))
	}
	return layouts
}

// caOf returns the CA file beside a certificate; empty for a certificate in none of the places.
func (c *inspector) caOf(cert string) string {
	for _, layout := range c.layoutsHere() {
		if cert == layout.Path(libvirt.ServerCert) || cert == layout.Path(libvirt.ClientCert) {
			return layout.Path(libvirt.CACert)
		}
	}
	return ""
}

// leaves returns the readable certificates of this machine that belong to a CA file.
func (c *inspector) leaves(ca string) []*gnutls.Certificate {
	var leaves []*gnutls.Certificate
	for _, layout := range c.layoutsHere() {
		for _, file := range []libvirt.File{libvirt.ServerCert, libvirt.ClientCert} {
			if leaf, err := gnutls.ReadCertificate(c.files.read(layout.Path(file)).Data); err == nil && layout.Path(libvirt.CACert) == ca {
				leaves = append(leaves, leaf)
			}
		}
	}
	return leaves
}

// keyOf reports whether the CA's key here belongs to a CA. Which key a token has does not show
// before it is opened: it may belong to each CA here.
func (c *inspector) keyOf(ca *gnutls.Certificate) bool {
	if device, err := c.deviceKey(); err == nil && device != nil {
		cert, err := x509.ParseCertificate(ca.Raw)
		return device.Public == nil || err == nil && pki.SameKey(device.Public, cert.PublicKey)
	}
	key, err := gnutls.ReadPrivateKey(c.files.read(libvirt.CA(c.m.CAPath()).Path(libvirt.CAKey)).Data)
	same, _ := key.Matches(ca.Key)
	return err == nil && same
}
