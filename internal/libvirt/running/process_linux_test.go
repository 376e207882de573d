package running

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestParseListener(t *testing.T) {
	for _, c := range []struct {
		line, at, inode string
		ok              bool
	}{
		{"  0: 0100007F:4082 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000", "127.0.0.1:16514", "4711", true},
		{"  0: 00000000000000000000000001000000:4082 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 12 1", "[::1]:16514", "12", true},
		{"  0: 0100007F:4082 0100007F:1234 01 00000000:00000000 00:00000000 00000000     0        0 4711 1", "", "", false},
		{"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode", "", "", false},
		{"  0: 0100:4082 00000000:0000 0A 0 0 0 0 0 4711", "", "", false},
		{"  0: zz00007F:4082 00000000:0000 0A 0 0 0 0 0 4711", "", "", false},
		{"", "", "", false},
	} {
		at, inode, ok := parseListener(c.line)
		if ok != c.ok || inode != c.inode || ok && at.String() != c.at {
			t.Errorf("%q: got %v %q %t", c.line, &at, inode, ok)
		}
	}
}

// TestProcess looks at this very process.
func TestProcess(t *testing.T) {
	p := process{os.Getpid()}
	began, err := p.began()
	if err != nil || time.Since(began) < 0 || time.Since(began) > time.Hour {
		t.Errorf("began %v, %v", began, err)
	}
	if args := p.args(); len(args) != len(os.Args) || args[0] != os.Args[0] {
		t.Errorf("args %q, want %q", args, os.Args)
	}
	if got := p.root(); got != "/" {
		t.Errorf("root %q", got)
	}
	time.Sleep(2*clockSlack - time.Since(began))
	file := filepath.Join(t.TempDir(), "conf")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	old := time.Unix(1, 0)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	if !p.olderThan(file) {
		t.Error("a file made now, with an old date, is not newer than this process")
	}
	if p.olderThan("doc.go") || p.olderThan(file+".gone") {
		t.Error("a file from before, or none, is newer than this process")
	}
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	found := false
	for _, at := range p.listeners() {
		found = found || at.String() == l.Addr().String()
	}
	if !found {
		t.Errorf("listeners %v, want %v among them", p.listeners(), l.Addr())
	}
}
