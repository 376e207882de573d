package judge

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"virtpki/internal/gnutls"
	"virtpki/internal/libvirt"
)

// meeting is a server's set and a client's set that connect to each other.
type meeting struct {
	server, client Set
	name           string // the name that the client uses for the server
}

// meeting makes two sides, mostly under the same CAs. Most of them pass their own checks, so that
// they do connect.
func (g *generator) meeting(target libvirt.Release) meeting {
	for try := 0; ; try++ {
		t := g.trust()
		other := t
		if g.strange() {
			other = g.trust()
		}
		m := meeting{g.setIn(Server, t), g.setIn(Client, other), pick(g, "localhost", "localhost", "127.0.0.1", "host.lab")}
		if try == 5 || g.chance(0.1) || !Refused(OwnFiles(m.server, target, g.now)) && !Refused(OwnFiles(m.client, target, g.now)) {
			return m
		}
	}
}

// sessionScript makes libvirtd read the files of each server in turn, and one client try each
// server that libvirtd accepted.
const sessionScript = `
for i in $(seq 0 $(($1 - 1))); do
	d=/root/sets/$i
	rm -f /etc/pki/CA/cacert.pem /etc/pki/CA/cacrl.pem /etc/pki/libvirt/servercert.pem /etc/pki/libvirt/private/serverkey.pem
	cp $d/server/cacert.pem /etc/pki/CA/ 2>/dev/null
	cp $d/server/cacrl.pem /etc/pki/CA/ 2>/dev/null
	cp $d/server/servercert.pem /etc/pki/libvirt/ 2>/dev/null
	cp $d/server/serverkey.pem /etc/pki/libvirt/private/ 2>/dev/null
	out=$(virt-admin -q -c libvirtd:///system server-update-tls libvirtd 2>&1 | tr '\n' ' ')
	echo "SERVER $i $out"
	case $out in
	*succeed*) echo "CLIENT $i $(timeout 20 virsh -q -c "test+tls://$(cat $d/name)/default?pkipath=$d/client" uri 2>&1 | tr '\n' ' ')" ;;
	esac
done
`

var sessionLine = regexp.MustCompile(`^(SERVER|CLIENT) (\d+) (.*)$`)

// placePair installs working files of a server.
func (h *labHost) placePair(t *testing.T, now time.Time) {
	t.Helper()
	good := newGenerator(1, now)
	good.odd = 0
	var s Set
	for i := 0; i == 0 || Refused(OwnFiles(s, h.libvirt(), now)); i++ {
		s = good.set(Server)
	}
	paths := map[string]File{"CA/cacert.pem": s.CA, "libvirt/servercert.pem": s.Cert, "libvirt/private/serverkey.pem": s.Key}
	for path, f := range paths {
		if err := h.WriteFile(t.Context(), "/etc/pki/"+path, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// startServer starts libvirtd with working files of its own.
func (h *labHost) startServer(t *testing.T, g *generator) {
	t.Helper()
	h.placePair(t, g.now)
	hosts := "127.0.0.1 localhost host.lab\n::1 localhost\n"
	if err := h.WriteFile(t.Context(), "/etc/hosts", []byte(hosts), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := h.WriteFile(t.Context(), "/etc/libvirt/libvirtd.conf", []byte("auth_tls = \"none\"\nmax_anonymous_clients = 100\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := h.StartLibvirtd(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// meet runs every meeting. The results are by number, and "" if the server did not accept its
// files.
func (h *labHost) meet(t *testing.T, meetings []meeting) (servers, clients []string) {
	t.Helper()
	folder := t.TempDir()
	for i, m := range meetings {
		dir := filepath.Join(folder, strconv.Itoa(i))
		writeSet(t, filepath.Join(dir, "server"), m.server)
		writeSet(t, filepath.Join(dir, "client"), m.client)
		writeFile(t, filepath.Join(dir, "name"), []byte(m.name))
	}
	if err := h.Put(t.Context(), folder, "/root/sets"); err != nil {
		t.Fatal(err)
	}
	out, err := h.Output(t.Context(), "sh", "-c", sessionScript, "sh", strconv.Itoa(len(meetings)))
	if err != nil {
		t.Fatal(err)
	}
	servers, clients = make([]string, len(meetings)), make([]string, len(meetings))
	for line := range strings.Lines(string(out)) {
		if m := sessionLine.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			i, _ := strconv.Atoi(m[2])
			*map[string]*string{"SERVER": &servers[i], "CLIENT": &clients[i]}[m[1]] = m[3]
		}
	}
	return servers, clients
}

func TestSessionsOnReleases(t *testing.T) {
	onReleases(t, func(t *testing.T, h *labHost) {
		n, seed := amount(t, 15)
		g := newGenerator(seed, time.Now())
		meetings := make([]meeting, n)
		for i := range meetings {
			meetings[i] = g.meeting(h.libvirt())
		}
		h.startServer(t, g)
		servers, clients := h.meet(t, meetings)
		now := time.Now()
		var taken, met, wrong int
		for i, m := range meetings {
			said := OwnFiles(m.server, h.libvirt(), now)
			if strings.Contains(servers[i], "succeed") == Refused(said) {
				wrong++
				t.Errorf("%d: the server %q\n%s", i, servers[i], findingLines(said))
			}
			if clients[i] == "" {
				continue
			}
			taken++
			said = meetingFindings(m, h, now)
			ok := !strings.Contains(clients[i], "error:")
			if ok {
				met++
			}
			if ok == Refused(said) && !(ok && m.takenByOldName(h, said)) {
				wrong++
				t.Errorf("%d: the client %q\n%s%s", i, clients[i], findingLines(said), m.about())
			}
		}
		t.Logf("%d meetings for %s: %d servers took their files, %d sessions came about, %d disagreements", n, h.libvirt(), taken, met, wrong)
	}, noPackages)
}

func meetingFindings(m meeting, h *labHost, now time.Time) []Finding {
	said := OwnFiles(m.client, h.libvirt(), now)
	said = append(said, InSession(m.client, Peer{CA: &m.server.CA, CRL: &m.server.CRL}, h.libvirt(), now)...)
	return append(said, InSession(m.server, Peer{CA: &m.client.CA, CRL: &m.client.CRL, Names: []string{m.name}}, h.libvirt(), now)...)
}

// takenByOldName reports whether a session succeeded that MatchHost refuses because the GnuTLS of
// the release lacks a fix: bullseye's 3.7.1 accepts a CN beside a URI, an SRV name or an overlong
// one.
func (m meeting) takenByOldName(h *labHost, said []Finding) bool {
	other := func(f Finding) bool { return f.Level == Error && f.ID != "name-mismatch" }
	c, err := gnutls.ReadCertificate(m.server.Cert.Data)
	return h.release.Name == "bullseye" && err == nil && !slices.ContainsFunc(said, other) &&
		len(c.DNSNames())+len(c.IPAddresses()) == 0 && strings.HasSuffix(nameText(c.Subject), "CN="+m.name+`"`)
}

func (m meeting) about() string {
	text := "  to " + m.name
	for _, s := range []Set{m.server, m.client} {
		if c, err := gnutls.ReadCertificate(s.Cert.Data); err == nil {
			usage, critical, p := c.KeyUsage()
			text += fmt.Sprintf(" %s: %s usage %x %v %v names %s;", s.Role, c.Key.Describe(), usage, critical, p, gnutls.NamesText(c))
		}
	}
	return text
}
