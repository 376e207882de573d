package inventory

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sort"

	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
)

// OwnPair is a certificate with its key that a program of this machine reads from non-default paths,
// which its configuration file names.
type OwnPair struct {
	Reader string // the daemon, or QEMU's use
	Role   string // "server" or "client"
	// Cert, Key and CA are the files, as the machine sees them.
	Cert, Key, CA string
	// Used reports whether the program may need it today: a daemon that does not listen for TLS
	// does not, and neither does a use of QEMU's that is switched off.
	Used bool
	// Layout says where the files lie, as this process sees them.
	Layout libvirt.Layout
	// QEMU reports whether QEMU reads it.
	QEMU bool
}

// OwnPairs lists the pairs at places other than the default ones, each once. The error names files
// that could not be inspected: there may be more pairs.
func (l *List) OwnPairs() ([]OwnPair, error) {
	var all []OwnPair
	for _, d := range l.Daemons {
		all = append(all, l.host.ownOf(d)...)
	}
	all = append(all, l.ownOfQEMU()...)
	seen := make(map[string]bool)
	all = slices.DeleteFunc(all, func(p OwnPair) bool {
		twin := seen[p.Cert]
		seen[p.Cert] = true
		return twin
	})
	return all, errors.Join(*l.host.unread...)
}

// ownOf lists the pairs of a daemon.
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
			files := libvirt.OwnFiles{CA: m.Path(d.Files.CA), Cert: m.Path(cert), Key: m.Path(keys[i])}
			own = append(own, OwnPair{Reader: d.Name, Role: "server", Cert: cert, Key: keys[i], CA: d.Files.CA, Used: d.Listening != Silent,
				Layout: libvirt.Own(files, m.apart(cert, keys[i]))})
		}
	}
	return own
}

// ownOfQEMU lists the pairs in directories that qemu.conf names.
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
				CA: layout.Path(libvirt.CACert), Used: q.Use.Switch == "" || on(file, q.Use.Switch), Layout: libvirt.QEMUFolder(l.host.Path(q.Folder)), QEMU: true}
			if reads && l.host.exists(p.Cert) {
				own = append(own, p)
			}
		}
	}
	sort.SliceStable(own, func(i, j int) bool { return own[i].Role[0] > own[j].Role[0] })
	return own
}

// maxPairDir is the largest number of files in a directory that counts as one only for TLS files.
const maxPairDir = 32

// apart reports whether a certificate and its key cannot change together. For that they need a
// directory of their own, which a renewal exchanges as a whole. A directory behind a link, with
// directories inside or with many files belongs to another program too.
func (m host) apart(cert, key string) bool {
	dir := filepath.Dir(cert)
	if dir != filepath.Dir(key) || m.resolve(dir) != dir {
		return true
	}
	entries, err := m.Tree().ReadDir(m.Path(dir))
	m.note(err)
	return err != nil || len(entries) > maxPairDir || slices.ContainsFunc(entries, fs.DirEntry.IsDir)
}

// OwnLayouts lists the layouts of these pairs, each once.
func (l *List) OwnLayouts() ([]libvirt.Layout, error) {
	var layouts []libvirt.Layout
	pairs, err := l.OwnPairs()
	for _, p := range pairs {
		same := func(other libvirt.Layout) bool { return slices.Equal(other.Files(), p.Layout.Files()) }
		if !slices.ContainsFunc(layouts, same) {
			layouts = append(layouts, p.Layout)
		}
	}
	return layouts, err
}

// CAFiles lists the CA files that programs here read at non-default paths, and the CRLs beside those in
// QEMU's directories. The paths are as this process sees them.
func (l *List) CAFiles() (cas, crls []string, err error) {
	layouts, err := l.OwnLayouts()
	for _, layout := range layouts {
		if path := layout.Path(libvirt.CACert); !slices.Contains(cas, path) {
			cas = append(cas, path)
			crls = append(crls, layout.Path(libvirt.CACRL))
		}
	}
	return cas, crls, err
}

// on reports whether a setting is 1.
func on(file *conf.File, name string) bool {
	v, ok := file.Lookup(name)
	return ok && v.Kind() == conf.KindInt && v.Int() == 1
}

// resolve follows links, as the machine sees them.
func (m host) resolve(path string) string { return libvirt.ResolveBelow(m.Root, path) }
