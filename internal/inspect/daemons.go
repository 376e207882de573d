package inspect

import (
	"io/fs"
	"path/filepath"
	"slices"

	"virtpki/internal/inventory"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/libvirt/running"
)

// daemons judges each daemon that matters for TLS here, and reports whether one listens.
func (c *inspector) daemons() (serves bool) {
	here := c.daemonsHere()
	for _, d := range here {
		serves = serves || d.Listening == inventory.Listens
	}
	for _, d := range here {
		c.daemon(d, serves)
	}
	for _, u := range c.list.Unread() {
		path := c.m.Path(u.Path)
		c.gathered.say(path, judge.UnreadConf(path, u.Settings, u.Reader.Name, c.m.Path(u.Reader.ConfPath)))
	}
	return serves
}

// daemonsHere returns the daemons that listen, or that somebody has configured. If there are none,
// it returns the one that would serve, unless nothing here suggests a server.
func (c *inspector) daemonsHere() []inventory.Daemon {
	here := slices.DeleteFunc(slices.Clone(c.list.Serving()), func(d inventory.Daemon) bool {
		return !d.Configured && d.Listening != inventory.Listens
	})
	layout := c.m.System()
	if len(here) == 0 && (len(c.r.Roles) > 0 || c.m.Tree().Exists(layout.Path(libvirt.ServerCert)) || c.m.Tree().Exists(layout.Path(libvirt.ServerKey))) {
		return []inventory.Daemon{c.list.Server()}
	}
	return here
}

// daemonConf gathers everything that decides how a daemon starts. If the request names the server
// role, its files are judged as if it listened.
func (c *inspector) daemonConf(d inventory.Daemon) judge.DaemonConf {
	dc := judge.DaemonConf{
		Daemon:     d.Daemon,
		File:       c.files.read(c.m.Path(d.ConfPath)),
		Root:       c.m.Root,
		Layout:     libvirt.System(c.m.Sysconfdir),
		Release:    *c.libvirt,
		Sockets:    d.Sockets,
		Listen:     d.Listen.Text,
		Silent:     d.Listening == inventory.Silent && len(c.r.Roles) == 0,
		Systemd:    c.m.Tree().Exists(c.m.Path("/etc/systemd/system")),
		HasGroup:   c.host.hasGroup,
		Exists:     c.host.exists,
		Priorities: Priorities(c.m),
		Client:     c.host.clientDN(),
		Network:    c.host.network(),
	}
	if d.OpenedBy != "" {
		dc.Socket = c.m.Path(d.OpenedBy)
	}
	if d.Listen.File != "" {
		dc.ListenFile = c.m.Path(d.Listen.File)
	}
	if d.Running != nil {
		dc.Answers = d.Running.Address
	}
	return dc
}

// daemon judges one daemon: its configuration file, and the files that the daemon reads because of
// it.
func (c *inspector) daemon(here inventory.Daemon, serves bool) {
	d := c.daemonConf(here)
	found, file := judge.InConf(d)
	c.gathered.say(d.File.Path, found)
	files := found
	var title string
	if file != nil {
		var more []judge.Finding
		title, more = c.served(d, file, serves)
		if d.Silent {
			more = judge.Unserved(settled(more), off(file) || !c.anySystem())
		}
		files = append(slices.Clone(found), more...)
		c.gathered.say(title, more)
	}
	c.gathered.decide(verdict(party{role: "server", program: d.Daemon.Name, silent: d.Silent, asked: here.Listening == inventory.Silent && !d.Silent, cert: c.certOf(here)}, settled(files)))
}

// certOf returns the path of the certificate that a daemon reads.
func (c *inspector) certOf(d inventory.Daemon) string {
	if d.ConfErr == nil && d.FilesErr == nil && d.Files.Custom {
		return c.m.Path(d.Files.Cert)
	}
	return c.m.System().Path(libvirt.ServerCert)
}

// off reports whether a configuration switches TLS off.
func off(file *conf.File) bool {
	v, ok := file.Lookup("listen_tls")
	return ok && v.Kind() == conf.KindInt && v.Int() == 0
}

// served judges the files that a daemon reads.
func (c *inspector) served(d judge.DaemonConf, file *conf.File, serves bool) (title string, found []judge.Finding) {
	files, err := running.FilesOf(file, c.m.Root, d.Layout)
	if err != nil {
		return "", nil // the findings on the configuration file report it
	}
	if files.Custom {
		return d.File.Path, c.named(files, file)
	}
	layout := c.m.System()
	p := c.places.system(layout, judge.Trust, judge.Server)
	p.Serves = serves || !p.Files[libvirt.ServerCert].Missing() || !p.Files[libvirt.ServerKey].Missing()
	set := c.files.set(judge.Server, "libvirt", layout)
	if files.CRL == "" {
		set.CRL = judge.File{Err: fs.ErrNotExist}
	}
	set.More = c.files.identities(judge.Server, layout)
	p.Numbered = len(set.More) > 0
	return filepath.Join(layout.Base, "pki"), append(judge.InPlace(p), c.checkedPair(set, file)...)
}

// named judges the files that a configuration file names.
func (c *inspector) named(files running.Files, file *conf.File) []judge.Finding {
	paths := map[libvirt.File]string{libvirt.CACert: files.CA, libvirt.CACRL: files.CRL, libvirt.ServerCert: files.Cert, libvirt.ServerKey: files.Key}
	p := judge.Place{Kind: judge.NamedFiles, Roles: []judge.Role{judge.Trust, judge.Server}, Files: make(map[libvirt.File]judge.Spot), Serves: true}
	for which, path := range paths {
		if path != "" {
			p.Files[which] = c.files.spot(c.m.Path(path))
			paths[which] = c.m.Path(path)
		}
	}
	set := judge.Set{Role: judge.Server, Product: "libvirt", GnuTLS: c.files.gnutls(), CA: c.files.read(paths[libvirt.CACert]), CRL: c.files.read(paths[libvirt.CACRL]),
		Cert: c.files.read(paths[libvirt.ServerCert]), Key: c.files.read(paths[libvirt.ServerKey])}
	return append(judge.InPlace(p), c.checkedPair(set, file)...)
}

// checkedPair is pair for a daemon. Its configuration file may switch off the daemon's check of its
// own files.
func (c *inspector) checkedPair(set judge.Set, file *conf.File) []judge.Finding {
	found := c.pairs.judge(set, *c.libvirt)
	if v, ok := file.Lookup("tls_no_sanity_certificate"); ok && v.Int() == 1 {
		found = judge.StartedUnchecked(found)
	}
	return found
}
