package rpc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"testing"
	"time"
)

func TestParseGuest(t *testing.T) {
	const devices = "<domain type='qemu' id='1'><name>g</name><devices>%</devices></domain>"
	for _, c := range []struct {
		condition, xml string
		uses           []string
		vnc            string
	}{
		{"nothing", "", nil, ""},
		{"VNC on all addresses", "<graphics type='vnc' port='5901' autoport='yes' listen='0.0.0.0'><listen type='address' address='0.0.0.0'/></graphics>", []string{"vnc"}, "127.0.0.1:5901"},
		{"VNC on all addresses, IPv6", "<graphics type='vnc' port='5901' listen='::'/>", []string{"vnc"}, "[::1]:5901"},
		{"VNC on one address", "<graphics type='vnc' port='5900' listen='10.0.0.1'/>", []string{"vnc"}, "10.0.0.1:5900"},
		{"VNC by a name", "<graphics type='vnc' port='5900' listen='hv1.example'/>", []string{"vnc"}, "hv1.example:5900"},
		{"VNC by default", "<graphics type='vnc' port='5900'/>", []string{"vnc"}, "127.0.0.1:5900"},
		{"VNC on a socket", "<graphics type='vnc' socket='/run/vnc'><listen type='socket' socket='/run/vnc'/></graphics>", []string{"vnc"}, ""},
		{"SPICE with TLS", "<graphics type='spice' port='5900' tlsPort='5901'/>", []string{"spice"}, ""},
		{"SPICE without", "<graphics type='spice' port='5900'/>", nil, ""},
		{"SPICE with none yet", "<graphics type='spice' port='5900' tlsPort='-1'/>", nil, ""},
		{"a serial port with TLS", "<serial type='tcp'><source mode='bind' host='x' service='1' tls='yes'/></serial>", []string{"chardev"}, ""},
		{"a serial port without", "<serial type='tcp'><source mode='bind' host='x' service='1' tls='no'/></serial>", nil, ""},
		{"random numbers with TLS", "<rng model='virtio'><backend model='egd' type='tcp'><source mode='connect' host='x' service='1' tls='yes'/></backend></rng>", []string{"chardev"}, ""},
		{"a disk by NBD with TLS", "<disk type='network' device='disk'><source protocol='nbd' name='x' tls='yes'><host name='y'/></source></disk>", []string{"nbd"}, ""},
		{"a disk by NBD without", "<disk type='network' device='disk'><source protocol='nbd' name='x'/></disk>", nil, ""},
		{"a disk by HTTPS", "<disk type='network' device='disk'><source protocol='https' name='x' tls='yes'/></disk>", nil, ""},
		{"several", "<graphics type='vnc' port='5900'/><serial type='tcp'><source tls='yes'/></serial>", []string{"vnc", "chardev"}, "127.0.0.1:5900"},
	} {
		got, err := ParseGuest(string(bytes.Replace([]byte(devices), []byte("%"), []byte(c.xml), 1)))
		if err != nil || !slices.Equal(got.Uses(), c.uses) || got.VNCAddress != c.vnc {
			t.Errorf("%s: %v at %q, %v, want %v at %q", c.condition, got.Uses(), got.VNCAddress, err, c.uses, c.vnc)
		}
	}
	for _, bad := range []string{"<domain>", "<domain></dom>", "\x00"} {
		if _, err := ParseGuest(bad); err == nil {
			t.Errorf("ParseGuest(%q) gave no error", bad)
		}
	}
	// An element outside the devices does not count.
	if got, err := ParseGuest("<domain><metadata><graphics type='vnc' port='1'/></metadata></domain>"); err != nil || got.VNC {
		t.Errorf("metadata: %+v, %v", got, err)
	}
}

func TestMonitorError(t *testing.T) {
	for answer, want := range map[string]string{
		`{"return":{},"id":"libvirt-7"}`: "",
		`{"id":"x","error":{"class":"CommandNotFound","desc":"The command display-reload has not been found"}}`: ErrNoDisplayReload.Error(),
		`{"id":"x","error":{"class":"GenericError","desc":"vnc tls is not enabled"}}`:                           "vnc tls is not enabled",
		`no JSON`: "the answer of QEMU's monitor: invalid character 'o' in literal null (expecting 'u')",
	} {
		got := ""
		if err := monitorError(answer); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", answer, got, want)
		}
	}
}

func TestDecodeGuests(t *testing.T) {
	guest := Guest{Name: "web", uuid: [16]byte{1, 2, 15: 9}, id: 7}
	body := binary.BigEndian.AppendUint32(append(binary.BigEndian.AppendUint32(nil, 1), guest.encode()...), 1)
	got, err := decodeGuests(body)
	if err != nil || len(got) != 1 || got[0].Name != "web" || got[0].uuid != guest.uuid || got[0].id != 7 {
		t.Errorf("%+v, %v", got, err)
	}
	for cut := range len(body) {
		if _, err := decodeGuests(body[:cut]); err == nil {
			t.Errorf("cut to %d bytes there is no error", cut)
		}
	}
}

// TestVNCWithoutTLS tries servers that have no TLS, and servers that send nothing or nonsense.
func TestVNCWithoutTLS(t *testing.T) {
	for condition, c := range map[string]struct {
		says string
		want error
	}{
		"no security at all": {"RFB 003.008\n\x01\x01", ErrVNCWithoutTLS},
		"a password alone":   {"RFB 003.008\n\x01\x02", ErrVNCWithoutTLS},
		"VeNCrypt without certificates": {
			"RFB 003.008\n\x02\x02\x13\x00\x02\x00\x01\x00\x00\x01\x01", ErrVNCWithoutTLS},
		"VeNCrypt refused":  {"RFB 003.008\n\x01\x13\x00\x01\x01", nil},
		"X509None refused":  {"RFB 003.008\n\x01\x13\x00\x02\x00\x01\x00\x00\x01\x04\x00", nil},
		"the end at once":   {"", nil},
		"no TLS behind it":  {"RFB 003.008\n\x01\x13\x00\x02\x00\x01\x00\x00\x01\x04\x01nonsense", nil},
		"no types on offer": {"RFB 003.008\n\x00\x00\x00\x00\x00", ErrVNCWithoutTLS},
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if conn, err := listener.Accept(); err == nil {
				conn.Write([]byte(c.says))
				time.Sleep(20 * time.Millisecond)
				conn.Close()
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		cert, err := ServedVNC(ctx, listener.Addr().String())
		cancel()
		listener.Close()
		if err == nil || cert != nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v, want %v", condition, cert, err, c.want)
		}
	}
}

func FuzzGuests(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte("<domain><devices><graphics type='vnc' port='1'/></devices></domain>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if guests, err := decodeGuests(data); err == nil && len(guests)*24 > len(data) {
			t.Errorf("%d guests out of %d bytes", len(guests), len(data))
		}
		ParseGuest(string(data))
		monitorError(string(data))
	})
}
