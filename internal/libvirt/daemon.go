package libvirt

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Daemon is a daemon that can listen for TLS.
type Daemon struct {
	Name      string
	Service   string // systemd unit
	TLSSocket string // systemd unit that opens port 16514 for it
	ListenTLS bool   // listen_tls is 1 unless the configuration file says otherwise

	// AdminSocket is the name of its administration socket, in its directory for sockets.
	// virtproxyd has the names of libvirtd, which it replaces (libvirt, src/remote/meson.build,
	// SOCK_PREFIX).
	AdminSocket string
}

// daemons lists the daemons that read the server certificate. Of the modular daemons only
// virtproxyd does (libvirt, docs/manpages/virtproxyd.rst).
var daemons = []Daemon{
	{Name: "libvirtd", Service: "libvirtd.service", TLSSocket: "libvirtd-tls.socket", ListenTLS: true, AdminSocket: "libvirt-admin-sock"},
	{Name: "virtproxyd", Service: "virtproxyd.service", TLSSocket: "virtproxyd-tls.socket", AdminSocket: "libvirt-admin-sock"},
}

// Daemons returns the daemons that read a server certificate.
func Daemons() []Daemon { return slices.Clone(daemons) }

// FindDaemon looks a daemon up by its name.
func FindDaemon(name string) (Daemon, error) {
	for _, d := range daemons {
		if d.Name == name {
			return d, nil
		}
	}
	return Daemon{}, fmt.Errorf("unknown daemon %q (one of %s)", name, strings.Join(DaemonNames(), ", "))
}

// DaemonNames lists the daemons that read a server certificate.
func DaemonNames() []string {
	names := make([]string, len(daemons))
	for i, d := range daemons {
		names[i] = d.Name
	}
	return names
}

// StartTLS returns the command that makes systemd open the daemon's port for TLS. systemd starts
// the socket only while the daemon does not run.
func (d Daemon) StartTLS() string {
	return fmt.Sprintf("systemctl stop %s && systemctl enable --now %s && systemctl start %s", d.Service, d.TLSSocket, d.Service)
}

// ConfPath is the daemon's configuration file below a SYSCONFDIR.
func (d Daemon) ConfPath(sysconfdir string) string {
	return filepath.Join(sysconfdir, "libvirt", d.Name+".conf")
}
