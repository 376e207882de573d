package main

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"virtpki/dn"
	"virtpki/internal/inspect"
	"virtpki/internal/inventory"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/libvirt/running"
	"virtpki/pki"
)

// daemons judges each daemon that matters for TLS here, and reports whether one listens.
func (c *checker) daemons() (serves bool) {
	here := c.daemonsHere()
	for _, d := range here {
		serves = serves || d.Listening == inventory.Listens
	}
	for _, d := range here {
		c.daemon(d, serves)
	}
	for _, u := range c.list.Unread() {
		path := c.g.Path(u.Path)
		c.say(path, judge.UnreadConf(path, u.Settings, u.Reader.Name, c.g.Path(u.Reader.ConfPath)))
	}
	return serves
}

// daemonsHere are those that listen, or that somebody has configured. Without any it is
// the one that would serve, unless nothing speaks for a server here.
func (c *checker) daemonsHere() []inventory.Daemon {
	here := slices.DeleteFunc(slices.Clone(c.list.Serving()), func(d inventory.Daemon) bool {
		return !d.Configured && d.Listening != inventory.Listens
	})
	layout := c.g.System()
	if len(here) == 0 && (len(c.o.roles) > 0 || c.g.Tree().Exists(layout.Path(libvirt.ServerCert)) || c.g.Tree().Exists(layout.Path(libvirt.ServerKey))) {
		return []inventory.Daemon{c.list.Server()}
	}
	return here
}

// daemonConf gathers what decides how a daemon starts. Where a server is asked for, its
// files are judged as if it listened.
func (c *checker) daemonConf(d inventory.Daemon) judge.DaemonConf {
	dc := judge.DaemonConf{
		Daemon:     d.Daemon,
		File:       c.file(c.g.Path(d.ConfPath)),
		Root:       c.g.Root,
		Layout:     libvirt.System(c.g.Sysconfdir),
		Target:     *c.libvirt,
		Sockets:    d.Sockets,
		Listen:     d.Listen.Text,
		Silent:     d.Listening == inventory.Silent && len(c.o.roles) == 0,
		Systemd:    c.g.Tree().Exists(c.g.Path("/etc/systemd/system")),
		HasGroup:   c.hasGroup,
		Exists:     c.exists,
		Priorities: inspect.Priorities(c.g.Machine),
		Client:     c.clientDN(),
		Network:    c.network(),
	}
	if d.OpenedBy != "" {
		dc.Socket = c.g.Path(d.OpenedBy)
	}
	if d.Listen.File != "" {
		dc.ListenFile = c.g.Path(d.Listen.File)
	}
	if d.Running != nil {
		dc.Answers = d.Running.Address
	}
	return dc
}

// exists reports whether something stands at a path of the machine's.
func (c *checker) exists(path string) bool {
	return inspect.Spot(c.g.Tree(), c.g.Path(path)).Err == nil
}

// hasGroup tells whether the machine knows a group; this one may have others than those
// of its file, from a directory service.
func (c *checker) hasGroup(name string) bool {
	_, _, err := libvirt.ParseGroup(c.file(c.g.Path("/etc/group")).Data, name)
	if err == nil || !c.g.Live() {
		return err == nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	return exec.CommandContext(ctx, "getent", "group", "--", name).Run() == nil
}

// askLimit is how long a directory service is waited for.
const askLimit = 5 * time.Second

// clientDN is the DN of the system's client certificate, empty when there is none
// that can be read.
func (c *checker) clientDN() string {
	certs, err := pki.ParseCertificates(c.file(c.g.System().Path(libvirt.ClientCert)).Data)
	if err != nil {
		return ""
	}
	name, err := dn.FromRDNSequence(certs[0].RawSubject)
	if err != nil {
		return ""
	}
	return name
}

// daemon judges one daemon: its conf, and the files that the conf has it read.
func (c *checker) daemon(here inventory.Daemon, serves bool) {
	d := c.daemonConf(here)
	found, file := judge.InConf(d)
	c.say(d.File.Path, found)
	files := found
	var title string
	if file != nil {
		var more []judge.Finding
		title, more = c.served(d, file, serves)
		if d.Silent {
			more = judge.Unserved(more, off(file))
		}
		files = append(slices.Clone(found), more...)
		c.say(title, more)
	}
	c.decide(roleVerdict{Role: "server", silent: d.Silent}, d.Daemon.Name, settled(files))
}

// off reports whether a configuration switches TLS off.
func off(file *conf.File) bool {
	v, ok := file.Lookup("listen_tls")
	return ok && v.Kind() == conf.KindInt && v.Int() == 0
}

// served judges the files that a daemon reads.
func (c *checker) served(d judge.DaemonConf, file *conf.File, serves bool) (title string, found []judge.Finding) {
	files, err := running.FilesOf(file, c.g.Root, d.Layout)
	if err != nil {
		return "", nil // which is said of the conf
	}
	if files.Custom {
		return d.File.Path, c.named(files, file)
	}
	layout := c.g.System()
	p := c.systemPlace(layout, judge.Trust, judge.Server)
	p.Serves = serves || !p.Files[libvirt.ServerCert].Missing() || !p.Files[libvirt.ServerKey].Missing()
	set := c.set(judge.Server, "libvirt", layout)
	if files.CRL == "" {
		set.CRL = judge.File{Err: fs.ErrNotExist}
	}
	set.More = c.moreIdentities(judge.Server, layout)
	p.Numbered = len(set.More) > 0
	return filepath.Join(layout.Base, "pki"), append(judge.InPlace(p), c.checkedPair(set, file)...)
}

// named judges the files that a conf names.
func (c *checker) named(files running.Files, file *conf.File) []judge.Finding {
	paths := map[libvirt.File]string{libvirt.CACert: files.CA, libvirt.CACRL: files.CRL, libvirt.ServerCert: files.Cert, libvirt.ServerKey: files.Key}
	p := judge.Place{Kind: judge.NamedFiles, Roles: []judge.Role{judge.Trust, judge.Server}, Files: make(map[libvirt.File]judge.Spot), Serves: true}
	for which, path := range paths {
		if path != "" {
			p.Files[which] = c.spotOf(c.g.Path(path))
			paths[which] = c.g.Path(path)
		}
	}
	set := judge.Set{Role: judge.Server, Product: "libvirt", CA: c.file(paths[libvirt.CACert]), CRL: c.file(paths[libvirt.CACRL]),
		Cert: c.file(paths[libvirt.ServerCert]), Key: c.file(paths[libvirt.ServerKey])}
	return append(judge.InPlace(p), c.checkedPair(set, file)...)
}

// checkedPair is pair for a daemon, whose conf may switch its look at its own files off.
func (c *checker) checkedPair(set judge.Set, file *conf.File) []judge.Finding {
	found := c.pair(set, *c.libvirt)
	if v, ok := file.Lookup("tls_no_sanity_certificate"); ok && v.Int() == 1 {
		found = judge.StartedUnchecked(found)
	}
	return found
}

// moreIdentities are servercert0.pem or clientcert0.pem and so on, which libvirt 11.10
// and later read beside the plain pair, up to the first that is missing.
func (c *checker) moreIdentities(role judge.Role, layout libvirt.Layout) []judge.Identity {
	var more []judge.Identity
	for _, n := range []string{"0", "1", "2", "3"} {
		cert := c.file(strings.TrimSuffix(layout.Path(libvirt.CertFile(string(role))), ".pem") + n + ".pem")
		key := c.file(strings.TrimSuffix(layout.Path(libvirt.KeyFile(string(role))), ".pem") + n + ".pem")
		if cert.Absent() && key.Absent() || errors.Is(cert.Err, fs.ErrPermission) && errors.Is(key.Err, fs.ErrPermission) && c.closed(cert.Path) && c.closed(key.Path) {
			break
		}
		more = append(more, judge.Identity{Cert: cert, Key: key})
	}
	return more
}

// closed reports whether a file's folder may not be looked into: nobody can tell then
// whether the file is there.
func (c *checker) closed(path string) bool {
	return errors.Is(inspect.Spot(c.g.Tree(), path).Err, fs.ErrPermission)
}
