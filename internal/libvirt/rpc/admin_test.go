package rpc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// words returns XDR integers.
func words(values ...uint32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func param(name string, kind uint32, value []byte) []byte {
	return join(xdrString(nil, name), words(kind), value)
}

func TestDecodeServers(t *testing.T) {
	long := strings.Repeat("s", 1000)
	for _, c := range []struct {
		name string
		body []byte
		want []string
		err  string
	}{
		{"none", words(0, 0), nil, ""},
		{"two", join(words(2), xdrString(nil, "admin"), xdrString(nil, "libvirtd"), words(2)), []string{"admin", "libvirtd"}, ""},
		{"every padding", join(words(4), xdrString(nil, "a"), xdrString(nil, "ab"), xdrString(nil, "abc"), xdrString(nil, long), words(4)), []string{"a", "ab", "abc", long}, ""},
		{"no body", nil, nil, "too early"},
		{"more promised than there is", words(3, 0), []string{""}, "too early"},
		{"too many", words(adminServersMax + 1), nil, "at most 16384"},
		{"string longer than the body", words(1, 0xffffffff, 0), nil, "too early"},
		{"padding is missing", join(words(1, 1), []byte("a")), nil, "too early"},
		{"bytes left over", words(0, 0, 0), nil, "after the end"},
	} {
		got, err := decodeServers(c.body)
		if c.err == "" && (err != nil || !reflect.DeepEqual(got, c.want)) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: got %q, %v", c.name, got, err)
		}
	}
}

func TestDecodeClients(t *testing.T) {
	body := join(words(2),
		xdrString(nil, "libvirtd"), words(0, 7, 0, 1700000000, 2),
		xdrString(nil, "libvirtd"), words(1, 0, 0xffffffff, 0xffffffff, 9), words(2))
	want := []AdminClient{
		{ID: 7, Connected: time.Unix(1700000000, 0), Transport: TransportTLS},
		{ID: 1 << 32, Connected: time.Unix(-1, 0), Transport: 9},
	}
	got, err := decodeClients(body)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	for cut := range body {
		if _, err := decodeClients(body[:cut]); err == nil {
			t.Errorf("cut to %d bytes: no error", cut)
		}
	}
	if got := want[0].Transport.String() + " " + want[1].Transport.String(); got != "tls transport 9" {
		t.Errorf("transports: %s", got)
	}
}

func TestDecodeInfo(t *testing.T) {
	all := join(words(8),
		param("readonly", paramBoolean, words(1)),
		param("sock_addr", paramString, xdrString(nil, "192.0.2.7:5")),
		param("tls_x509_dname", paramString, xdrString(nil, "O=Lab,CN=é")),
		param("i", paramInt, words(0xffffffff)), param("u", paramUint, words(1)), param("l", paramLlong, words(1, 2)),
		param("ul", paramUllong, words(1, 2)), param("d", paramDouble, words(1, 2)))
	for _, c := range []struct {
		name string
		body []byte
		want AdminClient
		err  string
	}{
		{"everything", all, AdminClient{DN: "O=Lab,CN=é", Address: "192.0.2.7:5", ReadOnly: true}, ""},
		{"nothing", words(0), AdminClient{}, ""},
		{"a DN that is a number", join(words(1), param("tls_x509_dname", paramInt, words(5))), AdminClient{}, ""},
		{"unknown type", join(words(1), param("x", 8, nil)), AdminClient{}, "unknown type 8"},
		{"type 0", join(words(1), param("x", 0, nil)), AdminClient{}, "unknown type 0"},
		{"too many", words(65), AdminClient{}, "at most 64"},
		{"cut", all[:len(all)-1], AdminClient{}, "too early"},
		{"left over", append(bytes.Clone(all), 0), AdminClient{}, "after the end"},
	} {
		var got AdminClient
		err := decodeInfo(c.body, &got)
		if c.err == "" && (err != nil || got != c.want) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: got %+v, %v", c.name, got, err)
		}
	}
}

func TestDecodeError(t *testing.T) {
	for _, c := range []struct {
		name string
		body []byte
		want string
	}{
		{"with a message", join(words(96, 7, 1), xdrString(nil, "no client"), words(2, 0, 0)), "no client"},
		{"without", words(96, 7, 0), "error 96 without a message"},
		{"half", words(96, 7, 1, 100), "error reply: body ends too early"},
		{"there twice", words(96, 7, 2), "error reply: optional string is there 2 times"},
		{"nothing", nil, "error reply: body ends too early"},
	} {
		if got := decodeError(c.body); got.Error() != c.want {
			t.Errorf("%s: got %q", c.name, got)
		}
	}
	if err := decodeError(words(96, 7, 0)); !errors.Is(err, ErrNoClient) || errors.Is(err, ErrNoServer) {
		t.Errorf("code 96: %v", err)
	}
}

func TestReadMessage(t *testing.T) {
	h := header{adminProgram, adminVersion, 4, typeReply, 9, statusOK}
	for _, c := range []struct {
		name string
		data []byte
		err  string
	}{
		{"with a body", encodeMessage(h, []byte("body")), ""},
		{"without", encodeMessage(h, nil), ""},
		{"the longest", encodeMessage(h, make([]byte, maxMessage-prefixSize)), ""},
		{"too long", encodeMessage(h, make([]byte, maxMessage-prefixSize+1)), "message of 4194305 bytes"},
		{"4 GiB", join(words(0xffffffff), make([]byte, 24)), "message of 4294967295 bytes"},
		{"shorter than its header", join(words(27), make([]byte, 24)), "message of 27 bytes"},
		{"length 0", make([]byte, 28), "message of 0 bytes"},
		{"half a header", encodeMessage(h, nil)[:20], "unexpected EOF"},
		{"half a body", encodeMessage(h, []byte("body"))[:30], "unexpected EOF"},
		{"nothing", nil, "EOF"},
	} {
		got, body, err := readMessage(bytes.NewReader(c.data))
		if c.err == "" && (err != nil || got != h || !bytes.Equal(body, c.data[prefixSize:])) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: got %+v, %d bytes, %v", c.name, got, len(body), err)
		}
	}
}

// fakeDaemon accepts one connection and answers every call by answer.
func fakeDaemon(t *testing.T, answer func(h header, w io.Writer)) (socket string) {
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
			h, _, err := readMessage(conn)
			if err != nil {
				return
			}
			answer(h, conn)
		}
	}()
	return socket
}

// reply answers with a body.
func reply(h header, w io.Writer, body []byte) {
	h.kind = typeReply
	w.Write(encodeMessage(h, body))
}

func TestAdminPassesOverOtherMessages(t *testing.T) {
	socket := fakeDaemon(t, func(h header, w io.Writer) {
		w.Write(encodeMessage(header{0x6b656570, 1, 1, 2, 0, 0}, nil)) // a keepalive's ping
		early := h
		early.serial--
		reply(early, w, words(1, 2, 3))
		reply(h, w, join(words(1), xdrString(nil, "virtproxyd"), words(1)))
	})
	a, err := DialAdmin(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if names, err := a.Servers(t.Context()); err != nil || !slices.Equal(names, []string{"virtproxyd"}) {
		t.Errorf("got %q, %v", names, err)
	}
}

func TestAdminHonoursContext(t *testing.T) {
	mute := func(header, io.Writer) {}
	for _, c := range []struct {
		name, want string
		limit      func(context.Context) (context.Context, context.CancelFunc)
	}{
		{"cancelled", "interrupted", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(20*time.Millisecond, func() { cancel(errors.New("interrupted")) })
			return ctx, func() { cancel(nil) }
		}},
		{"deadline", "deadline exceeded", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 50*time.Millisecond)
		}},
	} {
		socket := fakeDaemon(t, mute)
		ctx, cancel := c.limit(t.Context())
		defer cancel()
		began := time.Now()
		if a, err := DialAdmin(ctx, socket); err == nil || !strings.Contains(err.Error(), c.want) || time.Since(began) > 5*time.Second {
			t.Errorf("%s: got %v, %v after %s", c.name, a, err, time.Since(began))
		}
	}
}

func TestClientsThatLeaveOrAreNew(t *testing.T) {
	socket := fakeDaemon(t, func(h header, w io.Writer) {
		switch h.procedure {
		case procListClients:
			client := func(id, transport uint32) []byte {
				return join(xdrString(nil, "libvirtd"), words(0, id, 0, 1, transport))
			}
			reply(h, w, join(words(3), client(1, 2), client(2, 2), client(3, 0), words(3)))
		case procClientInfo:
			code := map[uint32]uint32{3: 96, 4: 1, 5: 1}[h.serial]
			h.status = statusError
			reply(h, w, words(code, 7, 0))
		default:
			reply(h, w, nil)
		}
	})
	a, err := DialAdmin(t.Context(), socket) // serial 1
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	// Client 1 has left, client 2 is in the handshake, and client 3, which is a local
	// one without an identity, is about to leave.
	clients, err := a.Clients(t.Context(), "libvirtd")
	if err != nil || len(clients) != 1 || clients[0].ID != 2 || !clients[0].Pending {
		t.Errorf("got %+v, %v", clients, err)
	}
}
