package running

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"virtpki/internal/libvirt/rpc"
)

// fakeAdmin listens as a daemon does on its administration socket, for one
// connection. answer is given the header of each call: program, version, procedure,
// type, serial and status.
func fakeAdmin(t *testing.T, answer func(conn net.Conn, header []byte)) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for {
			var length [4]byte
			if _, err := io.ReadFull(conn, length[:]); err != nil {
				return
			}
			message := make([]byte, binary.BigEndian.Uint32(length[:])-4)
			if _, err := io.ReadFull(conn, message); err != nil {
				return
			}
			answer(conn, message[:24])
		}
	}()
	return socket
}

// serving answers each call with the list of one server.
func serving(name string) func(net.Conn, []byte) {
	return func(conn net.Conn, header []byte) {
		header[15] = 1 // a reply
		padded := append([]byte(name), make([]byte, -len(name)&3)...)
		body := slices.Concat([]byte{0, 0, 0, 1, 0, 0, 0, byte(len(name))}, padded, []byte{0, 0, 0, 1})
		length := binary.BigEndian.AppendUint32(nil, uint32(4+len(header)+len(body)))
		conn.Write(slices.Concat(length, header, body))
	}
}

func TestAtStrangeSockets(t *testing.T) {
	stale := filepath.Join(t.TempDir(), "stale")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	virtlogd := fakeAdmin(t, serving("virtlogd"))
	garbage := fakeAdmin(t, func(conn net.Conn, _ []byte) { conn.Write(bytes.Repeat([]byte("HTTP/1.1 "), 10)) })
	leaves := fakeAdmin(t, func(conn net.Conn, _ []byte) { conn.Close() })
	for _, c := range []struct {
		name, socket string
		nobody       bool
		want         string
	}{
		{"stale", stale, true, "refused"},
		{"not there", stale + "x", true, "no such file"},
		{"another daemon", virtlogd, false, `"virtlogd"`},
		{"no libvirt at all", garbage, false, "message of"},
		{"hangs up", leaves, false, "EOF"},
	} {
		r, err := At(t.Context(), c.socket, "/etc")
		if err == nil || errors.Is(err, rpc.ErrNobodyListens) != c.nobody || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %+v, %v", c.name, r, err)
		}
	}
}

func TestDaemonBehind(t *testing.T) {
	for server, want := range map[string]string{"libvirtd": "libvirtd", "virtproxyd": "virtproxyd", "virtlogd": ""} {
		admin, err := rpc.DialAdmin(t.Context(), fakeAdmin(t, serving(server)))
		if err != nil {
			t.Fatal(err)
		}
		if d, err := daemonBehind(t.Context(), admin); d.Name != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %+v, %v", server, d, err)
		}
		admin.Close()
	}
}
