package inventory

import (
	"slices"

	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/running"
)

// Serving returns the daemons that matter for TLS here. These are the daemons that listen for it.
// If none does, they are the installed ones; of these, those that systemd starts; and of these,
// those that may listen. The list is empty if no daemon is here at all.
func (l *List) Serving() []Daemon {
	some := preferred(l.Daemons, func(d Daemon) bool { return d.Listening == Listens })
	some = preferred(some, func(d Daemon) bool { return d.Installed })
	some = preferred(some, func(d Daemon) bool { return d.Enabled || d.Running != nil })
	return preferred(some, func(d Daemon) bool { return d.Listening != Silent })
}

// Server returns the daemon that serves TLS here, or that should: the first that matters, or
// libvirtd if no daemon is here.
func (l *List) Server() Daemon {
	if some := l.Serving(); len(some) > 0 {
		return some[0]
	}
	return l.Daemon(libvirt.Daemons()[0])
}

// Running returns the daemons that run on the machine itself, and not in a container.
func (l *List) Running() []running.Daemon {
	var all []running.Daemon
	for _, d := range l.Daemons {
		if d.Running != nil {
			all = append(all, *d.Running)
		}
	}
	return all
}

// Named returns the daemon with a name, or the one that serves TLS here if the name is empty.
func (l *List) Named(name string) (Daemon, error) {
	if name == "" {
		return l.Server(), nil
	}
	d, err := libvirt.FindDaemon(name)
	if err != nil {
		return Daemon{}, err
	}
	return l.Daemon(d), nil
}

// Instead returns the daemon that listens for TLS here and reads another file than d, if d does not
// listen: then configuring d has no effect.
func (l *List) Instead(d Daemon) (other Daemon, ok bool) {
	server := l.Server()
	return server, server.Listening == Listens && d.Listening != Listens && server.ConfPath != d.ConfPath
}

// preferred returns the daemons that satisfy a condition, or all if none does.
func preferred(all []Daemon, holds func(Daemon) bool) []Daemon {
	var some []Daemon
	for _, d := range all {
		if holds(d) {
			some = append(some, d)
		}
	}
	if len(some) == 0 {
		return all
	}
	return some
}

// Unread is a configuration file with settings for TLS that no daemon which listens for
// TLS reads.
type Unread struct {
	Path     string
	Settings []string
	// Reader is the daemon that serves TLS here, and reads another file.
	Reader Daemon
}

// decisive are the settings that an administrator writes on purpose and relies on: which clients
// the daemon admits, and which files it uses.
var decisive = []string{libvirt.AllowedDNs, libvirt.AllowedUsers, "tls_no_verify_certificate", "tls_priority", "auth_tls", "key_file", "cert_file", "ca_file", "crl_file", "key_files", "cert_files"}

// Unread finds settings in daemons' configuration files that the daemons which listen for TLS do
// not read. If no daemon listens, it returns none: it is not known yet which daemon will.
func (l *List) Unread() []Unread {
	serving := l.Serving()
	if len(serving) == 0 || serving[0].Listening != Listens {
		return nil
	}
	var all []Unread
	for _, d := range libvirt.Daemons() {
		path := d.ConfPath(l.host.Sysconfdir)
		if slices.ContainsFunc(serving, func(s Daemon) bool { return s.ConfPath == path }) {
			continue
		}
		file, err := l.host.readConf(path)
		if err != nil {
			continue
		}
		var settings []string
		for _, name := range decisive {
			if _, ok := file.Lookup(name); ok {
				settings = append(settings, name)
			}
		}
		if len(settings) > 0 {
			all = append(all, Unread{path, settings, serving[0]})
		}
	}
	return all
}
