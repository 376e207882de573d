package adopt

import (
	"errors"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/machine"
)

func TestBackOff(t *testing.T) {
	b := backOff{first: time.Second, last: 5 * time.Minute}
	var got []time.Duration
	for range 11 {
		got = append(got, b.next()/time.Second)
	}
	if want := []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestWatched(t *testing.T) {
	s := Source{Dirs: []string{"/run/tls/", "/etc/ssl/more"}, Keys: []string{"/etc/ssl/a.key"}, Certs: []string{"/etc/ssl/a.crt", "ca.crt"}}
	want := map[string][]string{"/run/tls": nil, "/run": {"tls"}, "/etc/ssl/more": nil, "/etc/ssl": {"a.key", "a.crt", "more"}, ".": {"ca.crt"}}
	if got := s.watched(); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Files that a daemon has refused are tried less often; success ends the waiting.
func TestWait(t *testing.T) {
	failed := errors.New("failed")
	w := &watch{}
	w.rest()
	for i, c := range []struct {
		name string
		j    *change.Job
		err  error
		want time.Duration
	}{
		{"refused before anything changed", nil, failed, time.Second},
		{"again", nil, failed, 2 * time.Second},
		{"put back", &change.Job{}, failed, time.Minute},
		{"put back again", &change.Job{}, failed, 2 * time.Minute},
		{"well", &change.Job{}, nil, anyway},
		{"refused later", nil, failed, time.Second},
		{"put back later", &change.Job{}, failed, time.Minute},
	} {
		if got := w.wait(c.j, c.err); got != c.want {
			t.Errorf("%d, %s: %v, want %v", i, c.name, got, c.want)
		}
	}
}

// systemd receives the messages of sd_notify(3).
func TestStatus(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	s := newStatus()
	s.send("READY=1", s.line(&watch{m: machine.New()}, errors.New("dir/tls.key\nREADY=1: bad")))
	buffer := make([]byte, 1000)
	n, err := conn.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(buffer[:n]), "READY=1\nSTATUS=not installed: dir/tls.key\\nREADY=1: bad"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
