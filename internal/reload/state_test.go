package reload

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"virtpki/internal/libvirt/rpc"
)

// One function decides whether a daemon has to reload its files, for reload, renew, bootstrap,
// install and check --connect.
func TestState(t *testing.T) {
	disk, same, other := &x509.Certificate{Raw: []byte("a")}, &x509.Certificate{Raw: []byte("a")}, &x509.Certificate{Raw: []byte("b")}
	for _, c := range []struct {
		name  string
		state State
		stale bool
		err   string // empty if the daemon serves the certificate on disk
	}{
		{"the certificate on disk", State{OnDisk: disk, Served: same}, false, ""},
		{"another one", State{OnDisk: disk, Served: other}, true, "not the certificate in"},
		{"no daemon answers", State{OnDisk: disk, probeErr: rpc.ErrNobodyListens}, true, "it serves no certificate: nobody listens"},
		{"a handshake without a certificate", State{OnDisk: disk}, true, "it serves no certificate"},
		{"a certificate that a failed handshake has shown", State{OnDisk: disk, Served: same, probeErr: errors.New("cut short")}, false, ""},
		{"no file to serve", State{Served: other, readErr: fs.ErrNotExist}, false, "file does not exist"},
	} {
		if got := c.state.Stale(); got != c.stale {
			t.Errorf("%s: stale %v", c.name, got)
		}
		err := c.state.Err()
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.err)
		}
	}
}
