package rpc

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// GuestTLS is the use of TLS in the description of a running guest (libvirt,
// docs/formatdomain.rst).
type GuestTLS struct {
	// VNC is whether the guest has a VNC display, with or without TLS: the description does not
	// tell which. VNCAddress is the address where it listens, seen from this machine:
	// host:port, or empty for a socket.
	VNC        bool
	VNCAddress string
	Displays   []Display
	Spice      bool // SPICE has a port for TLS
	Chardev    bool // a character device over TCP with TLS
	NBD        bool // a disk by NBD with TLS
}

// Display is a display of a guest that listens for connections.
type Display struct {
	Type   string // "vnc" or "spice"
	Listen string // the address, empty for libvirt's default
	Port   string // the port with TLS; empty where SPICE has none with TLS (it has another without)
}

// maxDisplays bounds the displays that are read of one guest: libvirt starts none with more.
const maxDisplays = 16

// maxListen bounds the address of a display, in bytes: a longer one is not a name.
const maxListen = 256

// Uses lists the names of QEMU's uses with files that the guest holds.
func (g GuestTLS) Uses() []string {
	var uses []string
	for _, use := range []struct {
		name string
		has  bool
	}{{"vnc", g.VNC}, {"spice", g.Spice}, {"chardev", g.Chardev}, {"nbd", g.NBD}} {
		if use.has {
			uses = append(uses, use.name)
		}
	}
	return uses
}

// ParseGuest reads the XML that libvirt gives of a running guest.
func ParseGuest(text string) (GuestTLS, error) {
	var g GuestTLS
	var path []string
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return g, nil
		}
		if err != nil {
			return g, fmt.Errorf("its description: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(path) > 1 && path[1] == "devices" {
				g.element(path[len(path)-1], t)
			}
			path = append(path, t.Name.Local)
		case xml.EndElement:
			path = path[:len(path)-1]
		}
	}
}

// element looks at one element below the devices.
func (g *GuestTLS) element(parent string, e xml.StartElement) {
	if e.Name.Local == "graphics" {
		g.display(e)
	}
	switch tls := attr(e, "tls") == "yes"; {
	case e.Name.Local == "graphics" && attr(e, "type") == "vnc":
		g.VNC, g.VNCAddress = true, vncAddress(attr(e, "listen"), attr(e, "port"))
	case e.Name.Local == "graphics" && attr(e, "type") == "spice":
		port := attr(e, "tlsPort")
		g.Spice = g.Spice || port != "" && port != "-1"
	case e.Name.Local == "source" && tls && attr(e, "protocol") == "nbd":
		g.NBD = true
	case e.Name.Local == "source" && tls && parent != "disk":
		g.Chardev = true
	}
}

// display keeps a display that listens for connections.
func (g *GuestTLS) display(e xml.StartElement) {
	listen := attr(e, "listen")
	listen = strings.Clone(listen[:min(len(listen), maxListen)])
	d := Display{Type: attr(e, "type"), Listen: listen, Port: portOf(e, "port")}
	plain := d.Port
	if d.Type == "spice" {
		d.Port = portOf(e, "tlsPort")
	}
	listens := d.Type == "vnc" && plain != "" || d.Type == "spice" && plain+d.Port != ""
	if listens && len(g.Displays) < maxDisplays {
		g.Displays = append(g.Displays, d)
	}
}

// portOf is a port of an element, empty for none.
func portOf(e xml.StartElement, name string) string {
	if port, err := strconv.ParseUint(attr(e, name), 10, 16); err == nil && port > 0 {
		return strconv.FormatUint(port, 10)
	}
	return ""
}

// vncAddress is empty for a display that listens only on a socket.
func vncAddress(listen, port string) string {
	if port == "" || port == "-1" {
		return ""
	}
	if listen == "" {
		listen = "127.0.0.1"
	}
	if net.ParseIP(listen) == nil {
		return net.JoinHostPort(listen, port)
	}
	return LocalAddress(listen, port)
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// monitorError reads QEMU's answer to a command: nil, or QEMU's complaint.
func monitorError(answer string) error {
	var reply struct {
		Error *struct {
			Class string `json:"class"`
			Desc  string `json:"desc"`
		} `json:"error"`
	}
	switch err := json.Unmarshal([]byte(answer), &reply); {
	case err != nil:
		return fmt.Errorf("the answer of QEMU's monitor: %w", err)
	case reply.Error == nil:
		return nil
	case reply.Error.Class == "CommandNotFound":
		return ErrNoDisplayReload
	}
	return errors.New(reply.Error.Desc)
}
