package running

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"virtpki/internal/lab"
	"virtpki/internal/lab/labpki"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/rpc"
)

func TestRealDaemonOnDefaultPaths(t *testing.T) {
	eachRelease(t, func(h *labHost) {
		if got := h.do("running", insideRequest{}); got.Err != "" || len(got.Running) != 0 {
			t.Errorf("before the start: %+v", got)
		}
		server := h.server()
		h.installTree("/etc", server)
		h.write("/etc/libvirt/libvirtd.conf", []byte("tls_allowed_dn_list = [\"O=Lab,CN=alice\", \"O=Lab,CN=bob\"]\n"))
		p := h.start()
		h.wantRunning(p.PID())
		if got := h.admin("servers").Servers; !slices.Contains(got, "libvirtd") || !slices.Contains(got, "admin") {
			t.Errorf("servers %q", got)
		}
		if got := h.admin("lookup"); !got.NoServer {
			t.Errorf("looking up a server that is not there: %+v", got)
		}
		alice, bob := h.ca.Issue("alice", nil), h.ca.Issue("bob", nil)
		h.disconnectOneOfTwo(alice, bob)
		h.updateTLS(&alice)
		h.tellApart(alice, bob)
		h.changeConf()
		if err := p.Signal(t.Context(), "KILL"); err != nil {
			t.Fatal(err)
		}
		if err := p.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.sh("test -S " + libvirtAdminSock)
		if got := h.do("running", insideRequest{}); got.Err != "" || len(got.Running) != 0 {
			t.Errorf("after SIGKILL, which leaves the socket: %+v", got)
		}
		if got := h.do("running", insideRequest{Socket: libvirtAdminSock}); !got.Nobody {
			t.Errorf("stale socket: %+v", got)
		}
	})
}

func (h *labHost) wantRunning(pid string) {
	h.t.Helper()
	got := h.do("running", insideRequest{})
	if got.Err != "" || len(got.Running) != 1 {
		h.t.Fatalf("running: %+v", got)
	}
	number, err := strconv.Atoi(pid)
	if err != nil {
		h.t.Fatal(err)
	}
	want := insideRunning{
		Name: "libvirtd", PID: number, AdminSocket: libvirtAdminSock, Root: "/",
		ConfPath: "/etc/libvirt/libvirtd.conf", Address: "127.0.0.1:16514",
		Files: Files{
			CA: "/etc/pki/CA/cacert.pem", CRL: "/etc/pki/CA/cacrl.pem",
			Cert: "/etc/pki/libvirt/servercert.pem", Key: "/etc/pki/libvirt/private/serverkey.pem",
		},
	}
	if got.Running[0] != want {
		h.t.Errorf("running:\n got %+v\nwant %+v", got.Running[0], want)
	}
}

func (h *labHost) disconnectOneOfTwo(alice, bob labpki.Pair) {
	h.t.Helper()
	virshAlice, virshBob := h.virsh("alice", alice), h.virsh("bob", bob)
	for _, dn := range []string{"O=Lab,CN=alice", "O=Lab,CN=bob"} {
		c := h.client(dn)
		if c.Transport != rpc.TransportTLS || !strings.HasPrefix(c.Address, "127.0.0.1:") || c.ReadOnly || time.Since(c.Connected).Abs() > time.Minute {
			h.t.Errorf("client %q: %+v", dn, c)
		}
	}
	id := h.client("O=Lab,CN=alice").ID
	if got := h.do("disconnect", insideRequest{Socket: libvirtAdminSock, ID: id}); got.Err != "" {
		h.t.Fatal(got.Err)
	}
	for range 100 {
		if virshAlice.Exited() {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if !virshAlice.Exited() || virshBob.Exited() {
		h.t.Errorf("after the disconnect: alice's virsh ended %t, bob's %t", virshAlice.Exited(), virshBob.Exited())
	}
	h.client("O=Lab,CN=bob")
	if clients := h.admin("clients").Clients; len(clients) != 1 {
		h.t.Errorf("clients after the disconnect: %+v", clients)
	}
	if got := h.do("disconnect", insideRequest{Socket: libvirtAdminSock, ID: id}); !got.NoClient {
		h.t.Errorf("disconnecting the client once more: %+v", got)
	}
}

// updateTLS renews the server's certificate, then breaks it, then fixes it.
func (h *labHost) updateTLS(client *labpki.Pair) {
	h.t.Helper()
	before := h.probe(client, h.ca)
	if !before.Confirmed || before.Err != "" {
		h.t.Fatalf("probe before: %+v", before)
	}
	renewed := h.server()
	h.installTree("/etc", renewed)
	if got := h.admin("update-tls"); got.Err != "" {
		h.t.Fatal(got.Err)
	}
	after := h.probe(client, h.ca)
	if want := libvirt.Fingerprint(renewed.Cert); !after.Confirmed || after.Fingerprint != want || after.Fingerprint == before.Fingerprint {
		h.t.Errorf("after the update: %+v, want fingerprint %s", after, want)
	}
	h.write("/etc/pki/libvirt/servercert.pem", []byte("garbage\n"))
	if got := h.admin("update-tls"); !got.Admin {
		h.t.Errorf("update with a garbage certificate: %+v", got)
	}
	if got := h.probe(client, h.ca); !got.Confirmed || got.Fingerprint != after.Fingerprint {
		h.t.Errorf("after an update that failed: %+v, want fingerprint %s", got, after.Fingerprint)
	}
	h.write("/etc/pki/libvirt/servercert.pem", labpki.CertPEM(renewed.Cert))
	h.client("O=Lab,CN=bob") // connected all the time
}

// tellApart revokes alice and asks as everybody.
func (h *labHost) tellApart(alice, bob labpki.Pair) {
	h.t.Helper()
	h.write("/etc/pki/CA/cacrl.pem", h.ca.CRL(alice.Cert))
	if got := h.admin("update-tls"); got.Err != "" {
		h.t.Fatal(got.Err)
	}
	foreign := labpki.New(h.t, "Foreign CA")
	mallory, carol := foreign.Issue("alice", nil), h.ca.Issue("carol", nil)
	for _, c := range []struct {
		name      string
		client    *labpki.Pair
		roots     *labpki.CA
		stage     rpc.Stage
		refused   bool
		unknownCA bool
	}{
		{"good", &bob, h.ca, rpc.StageDone, false, false},
		{"revoked", &alice, h.ca, rpc.StageConfirmation, true, false},
		{"DN not in the list", &carol, h.ca, rpc.StageConfirmation, true, false},
		{"no certificate", nil, h.ca, rpc.StageConfirmation, true, false},
		{"client of a foreign CA", &mallory, h.ca, rpc.StageConfirmation, true, false},
		{"server of a foreign CA", &bob, foreign, rpc.StageVerify, false, true},
		{"without trust or certificate", nil, nil, rpc.StageConfirmation, true, false},
	} {
		got := h.probe(c.client, c.roots)
		if got.Stage != c.stage || got.Refused != c.refused || got.UnknownCA != c.unknownCA || got.Confirmed != (c.stage == rpc.StageDone) || got.Nobody {
			h.t.Errorf("%s: %+v", c.name, got)
		}
		if got.Fingerprint == "" || got.Version == 0 {
			h.t.Errorf("%s: the served certificate was not seen: %+v", c.name, got)
		}
	}
	req := insideRequest{Address: "127.0.0.1:16514", Name: "other.lab.example", RootPEM: labpki.CertPEM(h.ca.Cert)}
	if got := h.do("probe", req); got.Stage != rpc.StageVerify || !got.WrongServer {
		h.t.Errorf("server of another name: %+v", got)
	}
	req.Address = "127.0.0.1:1"
	if got := h.do("probe", req); got.Stage != rpc.StageDial || !got.Nobody {
		h.t.Errorf("nobody listens: %+v", got)
	}
}

// changeConf replaces the configuration file under the running daemon by one with an old date.
func (h *labHost) changeConf() {
	h.t.Helper()
	h.sh(`cd /etc/libvirt && echo 'crl_file = "/srv/crl.pem"' >new && touch -d 2001-01-01 new && mv new libvirtd.conf`)
	got := h.do("running", insideRequest{})
	if got.Err != "" || len(got.Running) != 1 || !got.Running[0].ConfChanged || got.Running[0].Files.CRLNote == "" {
		h.t.Errorf("after a change of the conf: %+v", got)
	}
	h.sh("rm /etc/libvirt/libvirtd.conf")
	got = h.do("running", insideRequest{})
	if got.Err != "" || len(got.Running) != 1 || !got.Running[0].ConfChanged || got.Running[0].Files.CRLNote != "" {
		h.t.Errorf("after the conf has gone: %+v", got)
	}
}

// TestRealDaemonDisconnectsDN has alice connected twice, bob once, and a client that connects
// and sends nothing.
func TestRealDaemonDisconnectsDN(t *testing.T) {
	eachRelease(t, func(h *labHost) {
		h.installTree("/etc", h.server())
		h.start()
		alice, bob := h.ca.Issue("alice", nil), h.ca.Issue("bob", nil)
		processes := []*lab.Process{h.virsh("alice", alice), h.virsh("alice2", alice), h.virsh("bob", bob)}
		for h.client("O=Lab,CN=alice"); len(h.admin("clients").Clients) < len(processes); {
			time.Sleep(50 * time.Millisecond)
		}
		h.client("O=Lab,CN=bob")
		mute, err := h.Start(t.Context(), "mute", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/16514; cat <&3")
		if err != nil {
			t.Fatal(err)
		}
		for !slices.ContainsFunc(h.admin("clients").Clients, func(c rpc.AdminClient) bool { return c.Pending && c.DN == "" }) {
			if mute.Exited() {
				t.Fatal("the mute client has ended")
			}
			time.Sleep(50 * time.Millisecond)
		}
		got := h.do("disconnect-dn", insideRequest{Socket: libvirtAdminSock, DN: "O=Lab,CN=alice"})
		if got.Err != "" || got.Ended != 2 || mute.Exited() {
			t.Errorf("got %+v, want the two of alice ended", got)
		}
		if got := h.admin("update-tls"); got.Err != "" { // waits for the mute one, and ends it
			t.Error(got.Err)
		}
		if clients := h.admin("clients").Clients; len(clients) != 1 || clients[0].DN != "O=Lab,CN=bob" {
			t.Errorf("still there: %+v", clients)
		}
		if processes[2].Exited() {
			t.Error("bob's virsh has ended")
		}
	})
}

// TestRealDaemonUnderSocketActivation: a look does not start the daemon. Once the daemon runs,
// its process and its port are found, although another process opened the sockets.
func TestRealDaemonUnderSocketActivation(t *testing.T) {
	eachRelease(t, func(h *labHost) {
		h.installTree("/etc", h.server())
		systemd, err := h.Start(t.Context(), "systemd", "/usr/bin/inside", "inside", "activate")
		if err != nil {
			t.Fatal(err)
		}
		for h.sh("ls /run/libvirt 2>/dev/null || true") != "libvirt-admin-sock" {
			time.Sleep(20 * time.Millisecond)
		}
		if got := h.do("running", insideRequest{}); got.Err != "" || len(got.Running) != 0 {
			t.Errorf("before anybody has connected: %+v", got)
		}
		if backlog := h.sh("ss -xlnH src " + libvirtAdminSock); strings.Fields(backlog)[2] != "0" {
			t.Errorf("FindRunning has connected: %s", backlog)
		}
		h.sh("touch /run/go")
		var got insideReply
		for range 100 {
			if got = h.do("running", insideRequest{}); len(got.Running) > 0 || systemd.Exited() {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if got.Err != "" || len(got.Running) != 1 {
			log, _ := systemd.Stderr(t.Context())
			t.Fatalf("running: %+v\n%s", got, log)
		}
		if r := got.Running[0]; fmt.Sprint(r.PID) != h.sh("pgrep -x libvirtd") || r.Address != "[::1]:16999" {
			t.Errorf("running: %+v", r)
		}
		req := insideRequest{Address: got.Running[0].Address, Name: "::1", RootPEM: labpki.CertPEM(h.ca.Cert)}
		if got := h.do("probe", req); got.Stage != rpc.StageConfirmation || !got.Refused {
			t.Errorf("probe: %+v", got)
		}
	})
}
