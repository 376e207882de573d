package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// withGetent makes a program the getent of the test.
func withGetent(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if script != "" {
		if err := os.WriteFile(filepath.Join(dir, "getent"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":/bin:/usr/bin")
	if script == "" {
		t.Setenv("PATH", dir)
	}
}

// The result of getent counts. If getent is missing, or fails for another reason than an
// unknown name, Go's resolver is asked.
func TestLookup(t *testing.T) {
	for _, c := range []struct{ name, getent, host, want string }{
		{"found", "echo 192.0.2.7 STREAM x; echo 192.0.2.7 DGRAM; echo 2001:db8::7 STREAM", "x.invalid", "[192.0.2.7 2001:db8::7]"},
		{"a scope", "echo fe80::1%lo STREAM x", "x.invalid", "[fe80::1%lo]"},
		{"an address", "exit 3", "::ffff:192.0.2.1", "[192.0.2.1]"},
		{"not found, though the hosts file has it", "exit 2", "localhost", "lookup localhost: no such host"},
		{"nothing printed", "exit 0", "x.invalid", "lookup x.invalid: no such host"},
		{"no getent", "", "localhost", "127.0.0.1"},
		{"getent fails", "exit 1", "localhost", "127.0.0.1"},
		{"an option", "echo 192.0.2.7 STREAM", "--help", "lookup --help: no such host"},
		{"two words", "echo 192.0.2.7 STREAM", "a b", "lookup a b: no such host"},
		{"nothing", "echo 192.0.2.7 STREAM", "", "lookup : no such host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			withGetent(t, c.getent)
			addrs, err := Lookup(context.Background(), c.host)
			got := fmt.Sprint(addrs)
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
			var dns *net.DNSError
			if err != nil && (!errors.As(err, &dns) || !dns.IsNotFound) {
				t.Errorf("%v is not the error of an unknown name", err)
			}
		})
	}
}

// A getent that hangs, or that prints without end, does not block the caller.
func TestLookupIsBounded(t *testing.T) {
	withGetent(t, "sleep 60")
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := Lookup(ctx, "x.invalid"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a getent that hangs: %v", err)
	}
	withGetent(t, "yes 192.0.2.7 STREAM | head -c 1000000")
	if addrs, err := Lookup(context.Background(), "x.invalid"); err != nil || len(addrs) != 1 {
		t.Errorf("a getent that prints much: %v, %v", addrs, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "127.0.0.1 STREAM localhost\n::1 RAW\n", "fe80::1%eth0 DGRAM\n", "\x00 a\n", "1.2.3.4"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		seen := make(map[netip.Addr]bool)
		for _, addr := range parse(text) {
			if !addr.IsValid() || seen[addr] {
				t.Errorf("%q: %v", text, addr)
			}
			seen[addr] = true
		}
	})
}
