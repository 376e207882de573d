package rpc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/libvirt"
)

// Calls about guests (libvirt, src/remote/remote_protocol.x, qemu_protocol.x).
const (
	procDomainXML      = 14
	procListDomains    = 273
	procGraphicsReload = 448 // since libvirt 10.2

	qemuProgram        = 0x20008087
	procMonitorCommand = 1

	domainsActive = 1
	reloadVNC     = 1
	domainsMax    = 16384
)

// The errors of a daemon that does not know a call (virErrorNumber): its driver does not, or
// its server.
var (
	errNoSupport   = &DaemonError{Code: 3, Message: "not supported by the driver"}
	errUnknownCall = &DaemonError{Code: 39, Message: "unknown procedure"}
	errNoDomain    = &DaemonError{Code: 42, Message: "no such guest"}
	errTimedOut    = &DaemonError{Code: 68, Message: "no lock on the guest within 30 seconds"}
)

// ErrNoDisplayReload means that the guest runs a QEMU before 6.0, which cannot be told to
// reload VNC's files.
var ErrNoDisplayReload = errors.New("this QEMU cannot reload VNC's files while the guest runs")

// ErrVNCWithoutTLS means that the guest's VNC was started without TLS.
var ErrVNCWithoutTLS = errors.New("VNC without TLS")

// ErrGuestBusy means that the guest is busy with something else, such as a migration.
var ErrGuestBusy = errors.New("it is busy, being migrated perhaps")

// GuestHost is a connection to the daemon that runs the QEMU guests of the system. Only one
// goroutine may use it at a time.
type GuestHost struct {
	conn   net.Conn
	remote *Remote
	qemu   *caller
}

// Guest is a running QEMU guest.
type Guest struct {
	Name string
	GuestTLS
	uuid [16]byte
	id   uint32
}

// guestDaemons are the daemons with the QEMU driver, and the sockets on which they listen
// (libvirt, src/remote/remote_sockets.c).
var guestDaemons = []struct{ name, socket string }{
	{"virtqemud", "/run/libvirt/virtqemud-sock"},
	{"libvirtd", "/run/libvirt/libvirt-sock"},
}

// DialGuests connects to the daemon below root. If none runs, the error wraps
// [ErrNobodyListens]; if the daemon has no QEMU driver, it is a [*DaemonError]. DialGuests does
// not start a daemon: under systemd somebody always listens on the sockets, so on Linux it
// tries a socket only when a process of root's has the daemon's name.
func DialGuests(ctx context.Context, root string) (*GuestHost, error) {
	err := ErrNobodyListens
	for _, d := range guestDaemons {
		if alive, known := libvirt.ProcessAlive(d.name); known && !alive {
			continue
		}
		path := filepath.Join(root, libvirt.ResolveBelow(root, d.socket))
		conn, dialErr := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if dialErr != nil {
			err = nobodyListens(dialErr)
			continue
		}
		h, err := OpenGuests(ctx, conn, "qemu:///system")
		if err != nil {
			conn.Close()
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return h, nil
	}
	return nil, err
}

// OpenGuests asks the daemon at the other end of a connection for its guests; for TLS,
// [Connect] makes the connection. uri is the driver's, as the daemon has it. After an error the
// caller closes conn.
func OpenGuests(ctx context.Context, conn net.Conn, uri string) (*GuestHost, error) {
	h := &GuestHost{conn: conn, remote: NewRemote(conn)}
	h.qemu = &caller{conn: conn, program: qemuProgram, version: remoteVersion}
	if _, err := h.remote.AuthTypes(ctx); err != nil { // root needs none, and the daemon wants to be asked
		return nil, err
	}
	return h, h.remote.Open(ctx, uri)
}

// Close ends the connection.
func (h *GuestHost) Close() error {
	h.remote.Leave(context.Background()) // a courtesy
	return h.conn.Close()
}

// Guests lists the running guests, each with its use of TLS.
func (h *GuestHost) Guests(ctx context.Context) ([]Guest, error) {
	listed, err := h.list(ctx)
	if err != nil {
		return nil, err
	}
	var guests []Guest
	for _, guest := range listed {
		err := h.describe(ctx, &guest)
		if errors.Is(err, errNoDomain) { // it has ended since
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("guest %q: %w", guest.Name, err)
		}
		guests = append(guests, guest)
	}
	return guests, nil
}

func (h *GuestHost) list(ctx context.Context) ([]Guest, error) {
	args := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 1), domainsActive)
	body, err := h.remote.call(ctx, procListDomains, args)
	if err != nil {
		return nil, fmt.Errorf("listing the guests: %w", err)
	}
	guests, err := decodeGuests(body)
	if err != nil {
		return nil, fmt.Errorf("listing the guests: %w", err)
	}
	return guests, nil
}

// Runs reports whether the guest still runs here: it may have ended, or been migrated away.
func (h *GuestHost) Runs(ctx context.Context, guest Guest) (bool, error) {
	listed, err := h.list(ctx)
	return slices.ContainsFunc(listed, func(g Guest) bool { return g.uuid == guest.uuid && g.id == guest.id }), err
}

func (h *GuestHost) describe(ctx context.Context, guest *Guest) error {
	body, err := h.remote.call(ctx, procDomainXML, flags(guest.encode()))
	if err != nil {
		return err
	}
	text, err := decodeText(body)
	if err != nil {
		return err
	}
	guest.GuestTLS, err = ParseGuest(text)
	return err
}

// ReloadVNC makes a guest's VNC reload its TLS files, CRL included. Connections stay. If the
// files are bad, VNC goes on with those that it has, and the error is QEMU's. The other errors
// are [ErrNoDisplayReload], [ErrVNCWithoutTLS] and, after half a minute, [ErrGuestBusy].
func (h *GuestHost) ReloadVNC(ctx context.Context, guest Guest) error {
	args := flags(binary.BigEndian.AppendUint32(guest.encode(), reloadVNC))
	_, err := h.remote.call(ctx, procGraphicsReload, args)
	if errors.Is(err, errNoSupport) || errors.Is(err, errUnknownCall) {
		err = h.displayReload(ctx, guest)
	}
	if err != nil && strings.Contains(err.Error(), "vnc tls is not enabled") {
		return ErrVNCWithoutTLS
	}
	if errors.Is(err, errTimedOut) {
		return fmt.Errorf("%w (%w)", ErrGuestBusy, err)
	}
	return err
}

// displayReload uses QEMU's own command, because libvirt before 10.2 has no call for it.
// libvirt marks a guest that was given such a command as tainted, which has no other effect.
func (h *GuestHost) displayReload(ctx context.Context, guest Guest) error {
	const command = `{"execute":"display-reload","arguments":{"type":"vnc","tls-certs":true}}`
	body, err := h.qemu.call(ctx, procMonitorCommand, flags(xdrString(guest.encode(), command)))
	if err != nil {
		return err
	}
	answer, err := decodeText(body)
	if err != nil {
		return err
	}
	return monitorError(answer)
}

// encode returns the guest as a remote_nonnull_domain.
func (g *Guest) encode() []byte {
	return binary.BigEndian.AppendUint32(append(xdrString(nil, g.Name), g.uuid[:]...), g.id)
}

func decodeGuests(body []byte) ([]Guest, error) {
	x := xdrReader{rest: body}
	var guests []Guest
	for range x.count(domainsMax) {
		guest := Guest{Name: x.string()}
		copy(guest.uuid[:], x.take(16))
		guest.id = x.uint32()
		if guests = append(guests, guest); x.err != nil {
			break
		}
	}
	x.uint32() // how many there are
	return guests, x.end()
}
