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
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/libvirt/running"
	"virtpki/pki"
)

// daemons judges each daemon that is set up here, and reports whether one is set up
// to listen.
func (c *checker) daemons() (serves bool) {
	for _, d := range c.daemonsHere() {
		serves = serves || d.Serves()
	}
	for _, d := range c.daemonsHere() {
		c.daemon(d, serves)
	}
	return serves
}

// daemonsHere are those whose conf is there. virtproxyd.conf alone does not count
// where libvirtd's is there too and nothing opens a port for virtproxyd. Without any
// conf it is libvirtd with its defaults, unless nothing speaks for a server here.
func (c *checker) daemonsHere() []judge.DaemonConf {
	var here []judge.DaemonConf
	for _, name := range libvirt.DaemonNames() {
		d := c.daemonConf(name)
		if d.File.Absent() || len(here) > 0 && d.Socket == "" && !slices.Contains(c.namesIn(d.File), "listen_tls") {
			continue
		}
		here = append(here, d)
	}
	layout := c.g.System()
	if len(here) == 0 && (len(c.o.roles) > 0 || c.g.Tree().Exists(layout.Path(libvirt.ServerCert)) || c.g.Tree().Exists(layout.Path(libvirt.ServerKey)) || c.daemonConf("libvirtd").Serves()) {
		here = append(here, c.daemonConf("libvirtd"))
	}
	return preferred(preferred(here, judge.DaemonConf.Serves), c.enabled)
}

// preferred are the daemons of which something holds, where it holds of any: the one
// that listens is the one that matters.
func preferred(here []judge.DaemonConf, holds func(judge.DaemonConf) bool) []judge.DaemonConf {
	var some []judge.DaemonConf
	for _, d := range here {
		if holds(d) {
			some = append(some, d)
		}
	}
	if len(some) == 0 {
		return here
	}
	return some
}

// enabled reports whether systemd starts a daemon, or listens for it.
func (c *checker) enabled(d judge.DaemonConf) bool {
	return c.g.Tree().Exists(c.g.Path("/etc/systemd/system/sockets.target.wants/"+d.Daemon.Name+".socket")) ||
		c.g.Tree().Exists(c.g.Path("/etc/systemd/system/multi-user.target.wants/"+d.Daemon.Service))
}

// namesIn lists the settings of a conf.
func (c *checker) namesIn(f judge.File) []string {
	file, err := conf.Parse(f.Data)
	if err != nil {
		return nil
	}
	return file.Names()
}

// daemonConf gathers what decides how a daemon starts.
func (c *checker) daemonConf(name string) judge.DaemonConf {
	daemon, _ := libvirt.FindDaemon(name)
	d := judge.DaemonConf{
		Daemon:     daemon,
		File:       c.file(daemon.ConfPath(c.g.Path(c.g.Sysconfdir))),
		Root:       c.g.Root,
		Layout:     libvirt.System(c.g.Sysconfdir),
		Target:     *c.libvirt,
		Systemd:    c.g.Tree().Exists(c.g.Path("/etc/systemd/system")),
		HasGroup:   c.hasGroup,
		Exists:     c.exists,
		Priorities: inspect.Priorities(c.g.Machine),
		Client:     c.clientDN(),
		Network:    c.network(),
	}
	if link := c.g.Path("/etc/systemd/system/sockets.target.wants/" + daemon.TLSSocket); c.g.Tree().Exists(link) {
		d.Socket = link
	}
	if daemon.ListenTLS {
		d.Args, d.ArgsFile = c.daemonArgs()
	}
	for _, r := range c.running {
		if r.Daemon.Name == name && r.ConfPath == daemon.ConfPath(c.g.Sysconfdir) {
			d.Answers = r.Address
		}
	}
	return d
}

// daemonArgs are what systemd passes to libvirtd, and the file in which they stand:
// Debian's, that of RPM distributions, or an ExecStart= of the machine's own.
func (c *checker) daemonArgs() (args, path string) {
	for _, name := range []string{"/etc/default/libvirtd", "/etc/sysconfig/libvirtd"} {
		f := c.file(c.g.Path(name))
		for line := range strings.Lines(string(f.Data)) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), "LIBVIRTD_ARGS="); ok {
				args, path = strings.Trim(value, `"'`), f.Path
			}
		}
	}
	const unit = "/etc/systemd/system/libvirtd.service"
	names := []string{c.g.Path(unit)}
	dropIns, _ := c.g.Tree().ReadDir(names[0] + ".d")
	for _, entry := range dropIns {
		if filepath.Ext(entry.Name()) == ".conf" {
			names = append(names, filepath.Join(names[0]+".d", entry.Name()))
		}
	}
	for _, name := range names {
		f := c.file(name)
		for line := range strings.Lines(string(f.Data)) {
			if command, ok := strings.CutPrefix(strings.TrimSpace(line), "ExecStart="); ok && strings.Contains(command, "--listen") {
				args, path = "--listen", f.Path
			}
		}
	}
	return args, path
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
func (c *checker) daemon(d judge.DaemonConf, serves bool) {
	found, file := judge.InConf(d)
	c.say(d.File.Path, found)
	files := found
	var title string
	if file != nil {
		var more []judge.Finding
		title, more = c.served(d, file, serves)
		files = append(slices.Clone(found), more...)
		c.say(title, more)
	}
	c.decide("server", d.Daemon.Name, settled(files))
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
