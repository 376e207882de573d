package inventory

import (
	"fmt"
	"slices"

	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
)

// OwnPair is a certificate with its key that a program of this machine reads from paths
// of its own, which its configuration file names.
type OwnPair struct {
	Reader string // the daemon, or QEMU's use
	Role   string // "server" or "client"
	// Cert, Key and CA are the files, as the machine sees them.
	Cert, Key, CA string
	// Used is whether the program may need it today: a daemon that does not listen for
	// TLS does not, and neither does a use of QEMU's that is switched off.
	Used bool
}

// OwnPairs lists the pairs at other places than the default ones, each once.
func (l *List) OwnPairs() []OwnPair {
	var all []OwnPair
	for _, d := range l.Daemons {
		all = append(all, l.host.ownOf(d)...)
	}
	all = append(all, l.ownOfQEMU()...)
	seen := make(map[string]bool)
	return slices.DeleteFunc(all, func(p OwnPair) bool {
		twin := seen[p.Cert]
		seen[p.Cert] = true
		return twin
	})
}

// ownOf lists those of a daemon.
func (m host) ownOf(d Daemon) []OwnPair {
	if d.FilesErr != nil || d.ConfErr != nil || !d.Files.Custom {
		return nil
	}
	certs, keys := []string{d.Files.Cert}, []string{d.Files.Key}
	if d.Files.Lists {
		c, _ := d.Conf.Lookup("cert_files")
		k, _ := d.Conf.Lookup("key_files")
		certs, keys = c.List(), k.List()
	}
	var own []OwnPair
	for i, cert := range certs {
		if m.resolve(cert) != m.resolve(libvirt.System(m.Sysconfdir).Path(libvirt.ServerCert)) {
			own = append(own, OwnPair{Reader: d.Name, Role: "server", Cert: cert, Key: keys[i], CA: d.Files.CA, Used: d.Listening != Silent})
		}
	}
	return own
}

// ownOfQEMU lists those in directories that qemu.conf names.
func (l *List) ownOfQEMU() []OwnPair {
	file, err := l.host.readConf(libvirt.QEMUConfPath(l.host.Sysconfdir))
	if err != nil {
		return nil
	}
	var own []OwnPair
	for _, q := range l.QEMU {
		isDefault := func(layout libvirt.Layout) bool {
			return l.host.resolve(layout.Base) == l.host.resolve(q.Folder)
		}
		if !q.Exists || slices.ContainsFunc(libvirt.QEMU(l.host.Sysconfdir), isDefault) {
			continue
		}
		layout := libvirt.QEMUFolder(q.Folder)
		for role, reads := range map[string]bool{"server": q.Use.Server, "client": q.Use.Client} {
			p := OwnPair{Reader: fmt.Sprintf("QEMU (%s)", q.Use.Name), Role: role, Cert: layout.Path(libvirt.CertFile(role)), Key: layout.Path(libvirt.KeyFile(role)),
				CA: layout.Path(libvirt.CACert), Used: q.Use.Switch == "" || on(file, q.Use.Switch)}
			if reads && l.host.exists(p.Cert) {
				own = append(own, p)
			}
		}
	}
	slices.SortStableFunc(own, func(a, b OwnPair) int { return int(b.Role[0]) - int(a.Role[0]) })
	return own
}

// on reports whether a setting is 1.
func on(file *conf.File, name string) bool {
	v, ok := file.Lookup(name)
	return ok && v.Kind() == conf.KindInt && v.Int() == 1
}

// resolve follows links, as the machine sees them.
func (m host) resolve(path string) string { return libvirt.ResolveBelow(m.Root, path) }
