package libvirt

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
)

func TestParseRemoteURI(t *testing.T) {
	for _, c := range []struct {
		text, address, opens string
	}{
		{"qemu+tls://hv1/system", "hv1:16514", "qemu:///system"},
		{"qemu://hv1/system", "hv1:16514", "qemu:///system"},
		{"QEMU+TLS://hv1/system", "hv1:16514", "qemu:///system"},
		{"test+tls:///default", "localhost:16514", "test:///default"},
		{"test+tls://hv1:17000/default", "hv1:17000", "test:///default"},
		{"test+tls://hv1:0/default", "hv1:16514", "test:///default"},
		{"test+tls://[::1]/default", "[::1]:16514", "test:///default"},
		{"test+tls://[fd09::7]:17/default", "[fd09::7]:17", "test:///default"},
		{"test+tls://root@hv1/default", "hv1:16514", "test:///default"},
		{"xen+tls://hv1/", "hv1:16514", "xen:///"},
		{"qemu+tls://hv1", "hv1:16514", "qemu://"},
		{"remote+tls://hv1/", "hv1:16514", ""},
		{"remote://hv1/system", "hv1:16514", ""},
		{"qemu+tls://hv1/system?name=test:///default", "hv1:16514", "test:///default"},
		{"esx+tls://hv1/?a=b%20c&PKIPath=/x&no_tty=1;d=e", "hv1:16514", "esx:///?a=b+c&d=e"},
		{"hv1", "hv1:16514", ""},
		{"hv1.example:17", "hv1.example:17", ""},
		{"192.0.2.7", "192.0.2.7:16514", ""},
		{"::1", "[::1]:16514", ""},
		{"[::1]", "[::1]:16514", ""},
		{"[::1]:17", "[::1]:17", ""},
	} {
		got, err := ParseRemoteURI(c.text)
		if err != nil || got.Address() != c.address || got.Opens != c.opens {
			t.Errorf("%s: got %+v, %v, want %s and %q", c.text, got, err, c.address, c.opens)
		}
	}
}

func TestParseRemoteURIParams(t *testing.T) {
	got, err := ParseRemoteURI("qemu+tls://hv1/system?pkipath=/a%20b+c&NO_VERIFY=1&no_sanity=7&tls_priority=NORMAL:-VERS-TLS1.3&=x&&")
	if err != nil {
		t.Fatal(err)
	}
	if got.PKIPath != "/a b+c" || !got.NoVerify || !got.NoSanity || got.Priority.Max != tls.VersionTLS12 || got.Opens != "qemu:///system" {
		t.Errorf("got %+v", got)
	}
	if got, err := ParseRemoteURI("qemu+tls://hv1/system?no_verify=0&pkipath=/a;pkipath=/b"); err != nil || got.NoVerify || got.PKIPath != "/b" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestParseRemoteURIRefusals(t *testing.T) {
	for _, c := range []struct {
		text, want string
		is         error
	}{
		{"qemu:///system", "names neither host", ErrLocalURI},
		{"qemu+ssh://hv1/system", `its transport is "ssh"`, ErrNotTLS},
		{"qemu+tcp://hv1/system", `its transport is "tcp"`, ErrNotTLS},
		{"qemu+://hv1/system", `its transport is ""`, ErrNotTLS},
		{"qemu+tls://hv1:99999/system", "port", nil},
		{"qemu+tls://hv1:x/system", "is not a URI", nil},
		{"qemu+tls://hv1/system?no_verify=yes", "not a number", nil},
		{"qemu+tls://hv1/system?no_verify", "not a number", nil},
		{"://", "is not a URI", nil},
		{"", "names no host", nil},
		{"hv1:ssh", "port", nil},
		{":17", "names no host", nil},
		{"a:b:c", "neither", nil},
		{"root@hv1", "names no host", nil},
		{"hv1/system", "names no host", nil},
	} {
		got, err := ParseRemoteURI(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: got %+v, %v, want %q", c.text, got, err, c.want)
		}
	}
}

func TestParsePriority(t *testing.T) {
	for _, c := range []struct {
		text     string
		min, max uint16
		rest     bool
	}{
		{"", 0, 0, false},
		{"NORMAL", tls.VersionTLS10, tls.VersionTLS13, false},
		{"NORMAL:-VERS-TLS1.3", tls.VersionTLS10, tls.VersionTLS12, false},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.3", tls.VersionTLS13, tls.VersionTLS13, false},
		{"normal:!vers-tls-all:+vers-tls1.2", tls.VersionTLS12, tls.VersionTLS12, false},
		{"SECURE256:-VERS-TLS1.0", tls.VersionTLS11, tls.VersionTLS13, true},
		{"NORMAL:-AES-128-GCM", tls.VersionTLS10, tls.VersionTLS13, true},
		{"NONE", 0, 0, true},
		{"@SYSTEM", tls.VersionTLS10, tls.VersionTLS13, true},
		{"NORMAL::", tls.VersionTLS10, tls.VersionTLS13, true},
	} {
		got := ParsePriority(c.text)
		if got.Min != c.min || got.Max != c.max || got.Rest != c.rest {
			t.Errorf("%q: got %+v", c.text, got)
		}
	}
}

// FuzzRemoteURI reads any text: an accepted text names a host and a port that can be connected
// to.
func FuzzRemoteURI(f *testing.F) {
	for _, text := range []string{"a[b", "fe80::1%eth0", "a\nb", "qemu+tls://hv1/system?pkipath=/a&no_verify=1", "test+tls://[::1]:17/default", "hv1:17", "[::1", "a://%zz", "x+tls://h?tls_priority=NORMAL:-VERS-ALL"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseRemoteURI(text)
		if err != nil {
			return
		}
		host, port, err := net.SplitHostPort(u.Address())
		if err != nil || host != u.Host || host == "" || port == "0" || u.Port < 1 || u.Port > 65535 {
			t.Errorf("%q: %+v, %v", text, u, err)
		}
	})
}
