package judge

import (
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"virtpki/internal/libvirt"
)

// listenAddresses are values of listen_addr and the reaction of libvirtd --listen to each, on a
// machine with the address 10.9.0.1 and the names hv1 and hv1.example.org for it.
var listenAddresses = []struct {
	text   string
	starts bool
	level  Level  // if the daemon does not start; Warning if another resolver may know the name
	meant  string // the value that the fix writes
}{
	{"10.9.0.1", true, "", ""},
	{"0.0.0.0", true, "", ""},
	{"127.0.0.1", true, "", ""},
	{"127.1", true, "", ""},
	{"0", true, "", ""},
	{"0x0a090001", true, "", ""},
	{"012.9.0.1", true, "", ""},
	{"::ffff:10.9.0.1", true, "", ""},
	{"*", true, "", ""},
	{"localhost", true, "", ""},
	{"hv1", true, "", ""},
	{"HV1.example.org", true, "", ""},
	{"2001:db8::1", false, Error, ""},
	{"fe80::1%lo", false, Error, ""},
	{"::ffff:192.0.2.1", false, Error, ""},
	{"[fd00:9::1]:16514", false, Error, "fd00:9::1"},
	{"", false, Error, ""},
	{"1", false, Error, ""},
	{"192.0.2.1", false, Error, ""},
	{"10.9.0.256", false, Error, ""},
	{"[::1]", false, Error, "::1"},
	{"[10.9.0.1]", false, Error, "10.9.0.1"},
	{"[::]:16514", false, Error, "::"},
	{"10.9.0.1:16514", false, Error, "10.9.0.1"},
	{"hv1:16514", false, Error, ""},
	{" 10.9.0.1", false, Error, "10.9.0.1"},
	{"10.9.0.1 ", false, Error, "10.9.0.1"},
	{"10.9.0.1,127.0.0.1", false, Error, ""},
	{"10.9.0.1 127.0.0.1", false, Error, ""},
	{"10.9.0.1;127.0.0.1", false, Error, ""},
	{"10.9.0.0/24", false, Error, ""},
	{"tls://10.9.0.1", false, Error, ""},
	{"all", false, Warning, ""},
	{"any", false, Warning, ""},
	{"lo", false, Warning, ""},
	{"virbr0", false, Warning, ""},
}

// tlsPorts are values of tls_port, and the port on which libvirtd --listen then listens: 0 if it
// does not start, -1 if the kernel picks the port.
var tlsPorts = []struct {
	text string
	port int
}{
	{"16514", 16514}, {"1", 1}, {"65535", 65535}, {"https", 443}, {"70000", 4464}, {"", -1},
	{"nosuch", 0}, {"16514x", 0}, {"0x4082", 0}, {" x", 0},
}

func network() Network {
	return Network{
		HasAddress: func(ip net.IP) bool { return ip.Equal(net.IPv4(10, 9, 0, 1)) },
		InHosts: func(name string) bool {
			return slices.Contains([]string{"hv1", "hv1.example.org"}, strings.ToLower(name))
		},
		HasService: func(name string) bool { return name == "https" },
		OnlyIPv4:   func() bool { return true },
	}
}

// openedBy returns a libvirtd with --listen and a configuration.
func openedBy(text string) DaemonConf {
	daemon, _ := libvirt.FindDaemon("libvirtd")
	return DaemonConf{Daemon: daemon, File: File{Path: "/c", Data: []byte(text)}, Listen: "--listen", ListenFile: "/a",
		Layout: libvirt.System("/etc"), Exists: func(string) bool { return true }, HasGroup: func(string) bool { return true }, Network: network()}
}

func only(found []Finding, id string) *Finding {
	i := slices.IndexFunc(found, func(f Finding) bool { return f.ID == id })
	if i < 0 {
		return nil
	}
	return &found[i]
}

func TestListenAddress(t *testing.T) {
	for _, tt := range listenAddresses {
		found, _ := InConf(openedBy("listen_addr = \"" + tt.text + "\"\n"))
		f := only(found, "listen-address")
		switch {
		case (f == nil) != tt.starts:
			t.Errorf("%q: got %+v, starts: %v", tt.text, f, tt.starts)
		case f == nil:
		case f.Level != tt.level:
			t.Errorf("%q: %s, want %s", tt.text, f.Level, tt.level)
		case tt.meant == "" && f.Fix != "sed -i '1s/^/#/' /c", tt.meant != "" && f.Fix != `sed -i '1s|.*|listen_addr = "`+tt.meant+`"|' /c`:
			t.Errorf("%q: fix %q", tt.text, f.Fix)
		}
	}
}

// mappedAddresses are values of listen_addr in the form of IPv6, and the addresses that the fix writes
// on the machine of listenAddresses with an address of IPv6 too.
var mappedAddresses = []struct{ text, meant string }{
	{"::ffff:10.9.0.1", "10.9.0.1"}, {"::ffff:127.0.0.1", "127.0.0.1"}, {"::ffff:0.0.0.0", "0.0.0.0"}, {"::FFFF:a09:1", "10.9.0.1"}, {"::ffff:192.0.2.1", ""},
}

// TestListenAddressMapped is about addresses of IPv4 in the form of IPv6: an image may get either
// kind of machine.
func TestListenAddressMapped(t *testing.T) {
	for _, tt := range mappedAddresses {
		fix := "sed -i '1s/^/#/' /c"
		if tt.meant != "" {
			fix = `sed -i '1s|.*|listen_addr = "` + tt.meant + `"|' /c`
		}
		for level, only4 := range map[Level]func() bool{Error: func() bool { return false }, Warning: nil} {
			d := openedBy("listen_addr = \"" + tt.text + "\"\n")
			d.Network.OnlyIPv4 = only4
			found, _ := InConf(d)
			if f := only(found, "listen-address"); f == nil || f.Level != level || f.Fix != fix {
				t.Errorf("%s: %+v, want %s with %s", tt.text, f, level, fix)
			}
		}
	}
}

// An unresolvable name is an error wherever the system's resolver can be asked, even if the name
// looks right.
func TestListenAddressResolved(t *testing.T) {
	for name, want := range map[string]Level{"nosuch.example": Error, "lo": Error, "other.example": ""} {
		d := openedBy("listen_addr = \"" + name + "\"\n")
		d.Network.Resolves = func(name string) bool { return name == "other.example" }
		found, _ := InConf(d)
		if f := only(found, "listen-address"); (f == nil) != (want == "") || f != nil && f.Level != want {
			t.Errorf("%s: %+v, want %q", name, f, want)
		}
	}
}

// Nobody resolves listen_addr where the daemon opens no port by it.
func TestListenAddressUnused(t *testing.T) {
	const text = "listen_addr = \"[::1]\"\ntls_port = \"nosuch\"\n"
	socket, off, proxy := openedBy(text), openedBy("listen_tls = 0\n"+text), openedBy(text)
	socket.Listen, socket.Socket = "", "/s"
	proxy.Daemon, _ = libvirt.FindDaemon("virtproxyd")
	for name, d := range map[string]DaemonConf{"socket": socket, "listen_tls = 0": off, "virtproxyd by default": proxy} {
		found, _ := InConf(d)
		if only(found, "listen-address") != nil || only(found, "listen-port") != nil {
			t.Errorf("%s: %+v", name, found)
		}
	}
	proxy.File.Data = []byte("listen_tls = 1\n" + text)
	if found, _ := InConf(proxy); only(found, "listen-address") == nil || only(found, "listen-port") == nil {
		t.Errorf("virtproxyd with listen_tls: %+v", found)
	}
}

func TestListenPort(t *testing.T) {
	for _, tt := range tlsPorts {
		found, _ := InConf(openedBy("tls_port = \"" + tt.text + "\"\n"))
		f := only(found, "listen-port")
		number, _ := strconv.Atoi(tt.text)
		fine := number == tt.port && number > 0 || tt.text == "https"
		if (f == nil) != fine || f != nil && (f.Level == Error) != (tt.port == 0) {
			t.Errorf("%q: got %+v, libvirtd listens on %d", tt.text, f, tt.port)
		}
	}
}

// listenScript starts libvirtd on each line of configuration in turn, and reports whether it
// listens on any port.
const listenScript = `
printf '127.0.0.1 localhost\n10.9.0.1 hv1.example.org hv1\n' >/etc/hosts
grep -q '^https' /etc/services 2>/dev/null || printf 'https 443/tcp\n' >>/etc/services
while IFS= read -r line; do
	printf '%s\n' "$line" >/etc/libvirt/libvirtd.conf
	libvirtd --listen >/root/log 2>&1 &
	pid=$!
	for try in $(seq 400); do
		if ! kill -0 $pid 2>/dev/null; then
			echo "LISTEN 0 $(grep 'error :' /root/log | tail -1)"
			break
		elif grep -q '^TCP6\?: inuse [1-9]' /proc/net/sockstat* && port=$(sed -n 's/^ *[0-9]*: [0-9A-F]*:\([0-9A-F]*\) [0-9A-F:]* 0A .*/\1/p' /proc/net/tcp /proc/net/tcp6 | head -1) && [ -n "$port" ]; then
			echo "LISTEN $((0x$port))"
			break
		fi
		sleep 0.05
	done
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null || true
done </root/lines
`

// linesAt returns some lines of a list, by number.
func linesAt(list []string, some []int) []string {
	var picked []string
	for _, i := range some {
		picked = append(picked, list[i])
	}
	return picked
}

// TestListenOnReleases compares rows of the two tables with libvirtd of each release;
// VIRTPKI_SETS=100 compares all of them.
func TestListenOnReleases(t *testing.T) {
	onReleases(t, func(t *testing.T, h *labHost) {
		h.placePair(t, time.Now())
		if err := h.AddAddress(t.Context(), "lo", "10.9.0.1/32"); err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, tt := range listenAddresses {
			lines = append(lines, "listen_addr = \""+tt.text+"\"")
		}
		for _, tt := range tlsPorts {
			lines = append(lines, "tls_port = \""+tt.text+"\"")
		}
		n, seed := amount(t, 10)
		some := rand.New(rand.NewPCG(seed, 0)).Perm(len(lines))
		some = some[:min(n, len(some))]
		for i, port := range h.listening(t, linesAt(lines, some)) {
			row := some[i]
			if row < len(listenAddresses) {
				if (port != "0") != listenAddresses[row].starts {
					t.Errorf("%s: port %s, want a start: %v", lines[row], port, listenAddresses[row].starts)
				}
				continue
			}
			if want := tlsPorts[row-len(listenAddresses)].port; port != strconv.Itoa(want) && (want >= 0 || port == "0") {
				t.Errorf("%s: port %s, want %d", lines[row], port, want)
			}
		}
	}, noPackages)
}

// TestListenMappedOnReleases compares addresses of IPv4 in the form of IPv6 with libvirtd, before and
// after the machine gets an address of IPv6.
func TestListenMappedOnReleases(t *testing.T) {
	onReleases(t, func(t *testing.T, h *labHost) {
		h.placePair(t, time.Now())
		lines := []string{`listen_addr = "` + mappedAddresses[0].text + `"`, `listen_addr = "` + mappedAddresses[1].text + `"`}
		for _, step := range []struct {
			address string
			starts  bool
		}{{"10.9.0.1/32", true}, {"fe80::9/64", false}, {"fd00:9::1/128", false}} {
			if err := h.AddAddress(t.Context(), "lo", step.address); err != nil {
				t.Fatal(err)
			}
			for i, port := range h.listening(t, lines) {
				if (port != "0") != step.starts {
					t.Errorf("with %s, %s: port %s, want a start: %v", step.address, lines[i], port, step.starts)
				}
			}
		}
	}, noPackages)
}

// listening returns the port on which libvirtd listens for each line of configuration.
func (h *labHost) listening(t *testing.T, lines []string) []string {
	t.Helper()
	if err := h.WriteFile(t.Context(), "/root/lines", []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := h.Output(t.Context(), "sh", "-c", listenScript)
	if err != nil {
		t.Fatal(err)
	}
	var ports []string
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "LISTEN" {
			ports = append(ports, fields[1])
		}
	}
	if len(ports) != len(lines) {
		t.Fatalf("%d answers for %d lines:\n%s", len(ports), len(lines), out)
	}
	return ports
}
