package inventory

import (
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/systemd"
)

// distributionUnit is the usual way in which distributions start libvirtd: Debian with
// /etc/default, those with RPM packages with /etc/sysconfig, and init scripts alike. It replaces a
// missing unit, for example in an image without libvirt installed yet.
const distributionUnit = "[Service]\n" +
	"EnvironmentFile=-/etc/sysconfig/libvirtd\n" +
	"EnvironmentFile=-/etc/default/libvirtd\n" +
	"ExecStart=/usr/sbin/libvirtd $LIBVIRTD_ARGS\n"

// service returns the unit of a daemon. known reports whether it is the machine's own. If it is
// not, --listen in the files of a distribution counts, but a missing --listen means nothing.
func (m host) service(d libvirt.Daemon, units systemd.Machine) (service *systemd.Service, known bool) {
	service, err := units.Service(d.Service)
	if err == nil {
		_, known = service.Argv(d.Name)
		return service, known
	}
	if d.ListenTLS {
		return units.Read(d.Service, []byte(distributionUnit)), false
	}
	return &systemd.Service{}, false
}

// listening decides whether the daemon listens for TLS (libvirt, src/remote/remote_daemon.c,
// daemonSetupNetworking). known reports whether the command line comes from the machine's own unit;
// a masked unit starts nothing.
func (d *Daemon) listening(known, masked bool) Listening {
	switch {
	case d.Running != nil && d.Running.Address != "":
		return Listens
	case masked:
		return Silent
	case d.OpenedBy != "":
		return Listens
	case !d.listenTLS():
		return Silent
	case !d.ListenTLS && len(d.Sockets) > 0: // virtproxyd's setting counts only without systemd's sockets
		return Silent
	case !d.ListenTLS && known:
		return Listens
	case d.Listen != (systemd.Arg{}):
		return Listens
	case known || d.Running != nil:
		return Silent
	}
	return Unknown
}

// listenTLS returns the effective value of listen_tls. It is true if the
// configuration cannot be read.
func (d *Daemon) listenTLS() bool {
	if d.ConfErr != nil {
		return true
	}
	if v, ok := d.Conf.Lookup("listen_tls"); ok && v.Kind() == conf.KindInt {
		return v.Int() == 1
	}
	return d.ListenTLS
}
