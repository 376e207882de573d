package inventory

import (
	"slices"
	"strings"

	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/systemd"
)

// Listening says whether a daemon listens for TLS.
type Listening int

// A daemon that another program than systemd starts, in a way unknown to virtpki, may listen or
// not.
const (
	Unknown Listening = iota
	Listens
	Silent
)

// Daemon is a daemon of the machine that can serve TLS.
type Daemon struct {
	libvirt.Daemon
	Installed bool // its program or its unit is there
	Enabled   bool // systemd starts it, or listens for it
	// Listening says whether the daemon listens for TLS, or will when it next starts.
	Listening Listening
	// OpenedBy is the file that makes systemd open the TLS port for the daemon: a link, or the
	// daemon's own unit. It is empty if systemd does not open it.
	OpenedBy string
	// Sockets lists all units for which systemd opens sockets and passes them to it.
	Sockets []string
	// Listen is the argument that contains --listen, and its place; the zero value if there is
	// none.
	Listen systemd.Arg
	// Args is the command line with which systemd starts the daemon, the program first; nil if that
	// is not known.
	Args []string
	// ConfPath is the configuration file that the daemon reads, and Conf its contents: empty if the
	// file does not exist. ConfErr is the reason why it cannot be read.
	ConfPath string
	Conf     *conf.File
	ConfErr  error
	// Files are the files that the daemon reads with this configuration. FilesErr says why they
	// are not known.
	Files    running.Files
	FilesErr error
	// Configured reports whether the configuration file exists.
	Configured bool
	// Running is the running daemon; nil if it does not run, or if this is not known.
	Running *running.Daemon
}

// here reports whether anything on this machine suggests that the daemon is used.
func (d *Daemon) here() bool {
	return d.Configured || d.Installed || d.Enabled || d.OpenedBy != "" || d.Running != nil
}

// socketsOf returns the units with sockets that systemd passes to a daemon.
func socketsOf(d libvirt.Daemon) []string {
	return []string{d.TLSSocket, d.Name + ".socket", d.Name + "-ro.socket", d.Name + "-admin.socket", d.Name + "-tcp.socket"}
}

// starters are the units that start others at boot.
var starters = []string{"sockets.target", "multi-user.target", "graphical.target", "basic.target", "default.target"}

// look finds out about one daemon.
func (m host) look(which libvirt.Daemon) Daemon {
	units := systemd.Look(m.Tree(), m.Root)
	d := Daemon{Daemon: which, Running: m.runs(which), ConfPath: which.ConfPath(m.Sysconfdir)}
	d.Installed = units.Has(d.Service) && !units.Masked(d.Service) || m.exists("/usr/sbin/"+d.Name) || m.exists("/usr/local/sbin/"+d.Name)
	service, known := m.service(which, units)
	d.readSockets(units, service)
	d.Enabled = len(d.Sockets) > 0 || units.WantedBy(d.Service, starters...) != "" && !units.Masked(d.Service)
	d.readArgs(service)
	d.Configured = m.exists(d.ConfPath)
	if d.Conf, d.ConfErr = m.readConf(d.ConfPath); d.ConfErr == nil {
		d.Files, d.FilesErr = running.FilesOf(d.Conf, m.Root, libvirt.System(m.Sysconfdir))
	}
	d.Listening = d.listening(known, units.Masked(d.Service))
	return d
}

// runs returns the daemon as it runs on the machine; one that accepts clients comes first. A daemon
// in a container uses that container's files.
func (m host) runs(which libvirt.Daemon) *running.Daemon {
	var best *running.Daemon
	for i, r := range m.running {
		if r.Daemon.Name == which.Name && r.Root == "/" && (best == nil || best.Address == "" && r.Address != "") {
			best = &m.running[i]
		}
	}
	return best
}

// readSockets finds the sockets that systemd opens for the daemon: those that a target wants at
// boot, and those that the daemon's own unit wants and that exist.
func (d *Daemon) readSockets(units systemd.Machine, service *systemd.Service) {
	by := append(slices.Clone(starters), d.Service, d.Name+".socket")
	for _, name := range socketsOf(d.Daemon) {
		if units.Masked(name) {
			continue
		}
		at := units.WantedBy(name, by...)
		if at == "" && units.Has(name) && slices.Contains(service.Wants, name) {
			at = d.Service
		}
		if at == "" {
			continue
		}
		d.Sockets = append(d.Sockets, name)
		if name == d.TLSSocket {
			d.OpenedBy = at
		}
	}
}

// readArgs takes the arguments of the running process, or else those that systemd would pass.
func (d *Daemon) readArgs(service *systemd.Service) {
	args, ok := service.Argv(d.Name)
	for i, arg := range args {
		d.Args = append(d.Args, arg.Text)
		if d.Listen == (systemd.Arg{}) && libvirt.ListenOption(d.Args) {
			d.Listen = args[i]
		}
	}
	if option := libvirt.ConfigOption(d.Args); ok && strings.HasPrefix(option, "/") {
		d.ConfPath = option
	}
	if !d.ListenTLS { // virtproxyd does not have this option
		d.Listen = systemd.Arg{}
	}
	if d.Running != nil {
		d.ConfPath = d.Running.ConfPath
	}
}
