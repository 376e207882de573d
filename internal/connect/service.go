package connect

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/starttls"
)

// service is a service of QEMU's that uses TLS, with the facts that its clients need.
type service struct {
	scheme string // of the URI
	what   string
	port   int // the default of the URI; 0 if the URI has to name one
	// use is the one of QEMU's uses whose client files are shown, empty for the files of
	// libvirt's clients, which virt-viewer reads too (gtk-vnc, src/vncconnection.c).
	use      string
	dialogue func() starttls.Dialogue
	// unfinished is set for a service that a finished handshake would harm.
	unfinished bool
	// asks is set if it may ask for a client certificate at all.
	asks bool
	// The next two are the fixes: for a port on which nobody listens, and for a running QEMU
	// that has to load a new certificate.
	listen, refresh string
}

const portsOf = "on the server: virsh domdisplay --all GUEST names its displays; a display listens elsewhere than on 127.0.0.1 only with listen='0.0.0.0' or an address"

// services lists the schemes that [Request.URI] takes besides libvirt's.
var services = []service{
	{scheme: "vnc", what: "VNC display", port: 5900, asks: true,
		dialogue: func() starttls.Dialogue { return &starttls.VNC{} },
		listen:   portsOf, refresh: "virtpki reload, which makes VNC reload its files"},
	{scheme: "spice", what: "SPICE display",
		dialogue: func() starttls.Dialogue { return &starttls.Spice{} },
		listen:   portsOf, refresh: "stop and start the guest, or migrate it: SPICE reads its files when QEMU starts"},
	{scheme: "nbd", what: "NBD server", port: 10809, use: "nbd", asks: true,
		dialogue: func() starttls.Dialogue { return &starttls.NBD{} }, listen: onServer, refresh: restartIt},
	{scheme: "nbds", what: "NBD server", port: 10809, use: "nbd", asks: true,
		dialogue: func() starttls.Dialogue { return &starttls.NBD{} }, listen: onServer, refresh: restartIt},
	{scheme: "migrate", what: "waiting QEMU", port: 49152, use: "migrate", unfinished: true, asks: true,
		dialogue: func() starttls.Dialogue { return starttls.Bare{} }, refresh: "start the migration again: QEMU reads its files for each",
		listen: "QEMU waits for a migration only while one is starting; libvirt takes ports from 49152 on"},
	{scheme: "chardev", what: "character device", use: "chardev", asks: true,
		dialogue: func() starttls.Dialogue { return starttls.Bare{} }, refresh: "stop and start the guest, or detach and attach the device",
		listen: onServer + ". A character device does not listen while it has a client"},
}

const (
	onServer  = "on the server: ss -ltn lists the ports on which something listens"
	restartIt = "restart the NBD server: it reads its files when it starts"
)

// Schemes lists the schemes of services, as in "vnc://".
func Schemes() []string {
	var all []string
	for _, s := range services {
		all = append(all, s.scheme+"://")
	}
	return all
}

// findService returns the service of a URI, or nil for a URI of libvirt's.
func findService(uri string) *service {
	scheme, _, _ := strings.Cut(uri, "://")
	if i := slices.IndexFunc(services, func(s service) bool { return strings.EqualFold(s.scheme, scheme) }); i >= 0 && scheme != uri {
		return &services[i]
	}
	return nil
}

// product returns the program whose rules for certificates a client has: QEMU, or libvirt if s
// is nil. The additional rules of viewers are in [visit.inSession].
func (s *service) product() string {
	if s != nil {
		return "qemu"
	}
	return "libvirt"
}

// refreshing returns the way to load a new certificate into a service, or into libvirt if s is
// nil.
func (s *service) refreshing() string {
	if s != nil {
		return s.refresh
	}
	return "virtpki reload"
}

// parse reads SCHEME://HOST:PORT, and for SPICE ?tls-port= as its viewers have it. A path
// (an export of NBD's) is passed over.
func (s *service) parse(text string) (*libvirt.RemoteURI, error) {
	parsed, err := url.Parse(text)
	if err != nil {
		return nil, hint.Usagef("%q is not a URI", text)
	}
	port := parsed.Port()
	for key, values := range parsed.Query() {
		if s.scheme != "spice" || key != "tls-port" {
			return nil, hint.Usagef("%q: %s:// does not know %q", text, s.scheme, key)
		}
		port = values[0]
	}
	if port == "" && s.port > 0 {
		port = strconv.Itoa(s.port)
	}
	if port == "" {
		return nil, hint.With(hint.Usagef("%q names no port", text), "a %s has no default port: %s://HOST:PORT", s.what, s.scheme)
	}
	host := parsed.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	uri, err := libvirt.ParseRemoteURI(host + ":" + port)
	if err != nil {
		return nil, hint.Usagef("%q does not name a host and a port", text)
	}
	return uri, nil
}
