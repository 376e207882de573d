package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// fakeRemote is a daemon on a pipe that answers each procedure by a body.
func fakeRemote(t *testing.T, bodies map[uint32][]byte) *Remote {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	go func() {
		for {
			h, body, err := readMessage(theirs)
			if err != nil {
				return
			}
			if h.procedure == procRemoteOpen && string(body[8:8+len("test:///x")]) != "test:///x" {
				h.status = statusError
			}
			reply(h, theirs, bodies[h.procedure])
		}
	}()
	return NewRemote(ours)
}

func TestRemote(t *testing.T) {
	ctx := t.Context()
	r := fakeRemote(t, map[uint32][]byte{
		procRemoteAuthList:   words(3, 0, 1, 7),
		procRemoteSASLInit:   xdrString(nil, "SCRAM-SHA-256, GSSAPI"),
		procRemoteHostname:   xdrString(nil, "hv1"),
		procRemoteLibVersion: words(0, 12008003),
	})
	types, err := r.AuthTypes(ctx)
	if got := fmt.Sprint(types); err != nil || got != "[none sasl type 7]" {
		t.Errorf("authentications: got %s, %v", got, err)
	}
	mechanisms, err := r.SASLMechanisms(ctx)
	if got := fmt.Sprint(mechanisms); err != nil || got != "[SCRAM-SHA-256 GSSAPI]" {
		t.Errorf("mechanisms: got %s, %v", got, err)
	}
	if err := r.Open(ctx, "test:///x"); err != nil {
		t.Errorf("open: %v", err)
	}
	if got, err := r.Hostname(ctx); err != nil || got != "hv1" {
		t.Errorf("host: got %q, %v", got, err)
	}
	if got, err := r.LibVersion(ctx); err != nil || got != "12.8.3" {
		t.Errorf("version: got %q, %v", got, err)
	}
	if err := r.Leave(ctx); err != nil {
		t.Errorf("leave: %v", err)
	}
}

func TestRemoteStrangeAnswers(t *testing.T) {
	r := fakeRemote(t, map[uint32][]byte{
		procRemoteAuthList:   words(21),
		procRemoteSASLInit:   words(0xffffffff),
		procRemoteHostname:   join(xdrString(nil, "hv1"), words(1)),
		procRemoteLibVersion: words(1),
	})
	_, list := r.AuthTypes(t.Context())
	_, sasl := r.SASLMechanisms(t.Context())
	_, host := r.Hostname(t.Context())
	_, version := r.LibVersion(t.Context())
	for want, err := range map[string]error{
		"which authentication is wanted: list of 21 items": list,
		"beginning SASL: body ends too early":              sasl,
		"name of the host: 4 bytes after the end":          host,
		"version of libvirt: body ends too early":          version,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestSpeaksPlain(t *testing.T) {
	plain := server(t, func(c net.Conn) {
		if h, _, err := readMessage(c); err == nil {
			reply(h, c, words(0))
		}
	})
	other := server(t, func(c net.Conn) { io.WriteString(c, "220 mail\r\n"); io.Copy(io.Discard, c) })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if !SpeaksPlain(ctx, plain) || SpeaksPlain(ctx, other) || SpeaksPlain(ctx, "127.0.0.1:1") {
		t.Error("plain libvirt was not told from others")
	}
}

func TestDialAny(t *testing.T) {
	_, port, err := net.SplitHostPort(server(t, func(net.Conn) {}))
	if err != nil {
		t.Fatal(err)
	}
	here, nowhere := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.99")
	conn, err := dialAny(t.Context(), []netip.Addr{nowhere, here}, port)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	_, err = dialAny(t.Context(), []netip.Addr{nowhere, netip.MustParseAddr("127.0.0.98")}, port)
	if !errors.Is(err, ErrNobodyListens) || strings.Count(err.Error(), ErrNobodyListens.Error()) != 1 || !strings.Contains(err.Error(), ".99:") || !strings.Contains(err.Error(), ".98:") {
		t.Errorf("got %v", err)
	}
	// A daemon that only swallows the requests leaves the others their share of the time.
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := dialAny(ctx, []netip.Addr{netip.MustParseAddr("240.0.0.1"), here}, port); err != nil {
		t.Errorf("behind one that does not answer: %v", err)
	}
}
