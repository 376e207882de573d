package running

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"os/exec"
	"testing"
	"time"

	"virtpki/internal/lab"
	"virtpki/internal/lab/labpki"
)

// TestRealDaemonHandshakeAcrossUpdate shows why UpdateTLS waits for handshakes: with a client
// in the middle of one, the bare call, which virt-admin makes, kills libvirtd.
func TestRealDaemonHandshakeAcrossUpdate(t *testing.T) {
	eachRelease(t, func(h *labHost) {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			for operation, survives := range map[string]bool{"virt-admin": false, "update-tls": true} {
				if got := h.updateInHandshake(version, operation); got != survives {
					t.Errorf("%s with %s: libvirtd survives %t, want %t", operation, tls.VersionName(version), got, survives)
				}
			}
		}
	})
}

// updateInHandshake updates while a client is in the middle of the handshake, which
// goes on a second later.
func (h *labHost) updateInHandshake(version uint16, operation string) (survives bool) {
	h.t.Helper()
	h.sh("rm -f /run/slow /run/go /run/confirmed")
	h.installTree("/etc", h.server())
	p := h.start()
	slow := h.slow(h.ca.Issue("alice", nil), version)
	defer func() {
		slow.Process.Kill()
		slow.Wait()
		p.Stop(h.t.Context())
	}()
	if _, err := h.Start(h.t.Context(), "go", "sh", "-c", "sleep 1; touch /run/go"); err != nil {
		h.t.Fatal(err)
	}
	if operation == "virt-admin" {
		h.sh("virt-admin -c libvirtd:///system server-update-tls libvirtd")
	} else if got := h.admin(operation); got.Err != "" {
		h.t.Fatal(got.Err)
	}
	return h.settle(p)
}

// settle waits until libvirtd has ended or the client is in.
func (h *labHost) settle(p *lab.Process) (survives bool) {
	h.t.Helper()
	for range 200 {
		if p.Exited() {
			return false
		}
		if h.sh("ls /run/confirmed 2>/dev/null || true") != "" {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	h.t.Fatal("libvirtd neither ends nor lets the client in")
	return false
}

// TestRealDaemonUpdatesUnderLoad updates 200 times while two clients connect without a pause:
// the daemon admits each of their connections.
func TestRealDaemonUpdatesUnderLoad(t *testing.T) {
	eachRelease(t, func(h *labHost) {
		h.installTree("/etc", h.server())
		p := h.start()
		alice := h.ca.Issue("alice", nil)
		in, err := json.Marshal(insideRequest{Address: "127.0.0.1:16514", CertPEM: labpki.CertPEM(alice.Cert), KeyPEM: alice.KeyPEM(t)})
		if err != nil {
			t.Fatal(err)
		}
		var outs [2]bytes.Buffer
		var clients []*exec.Cmd
		for i := range outs {
			cmd := h.Command(t.Context(), "/usr/bin/inside", "inside", "hammer")
			cmd.Stdin, cmd.Stdout = bytes.NewReader(in), &outs[i]
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			clients = append(clients, cmd)
		}
		if got := h.admin("update-tls-often"); got.Err != "" || p.Exited() {
			t.Errorf("updates: %q, libvirtd has ended: %t", got.Err, p.Exited())
		}
		h.sh("touch /run/stop")
		for i, cmd := range clients {
			cmd.Wait()
			var got insideReply
			if err := json.Unmarshal(outs[i].Bytes(), &got); err != nil || got.Err != "" || got.Ended < 10 {
				t.Errorf("client %d: %v, %+v", i, err, got)
			}
			t.Logf("client %d: %d connections", i, got.Ended)
		}
	})
}

// slow starts a client that stops in the middle of the handshake, until /run/go is
// there.
func (h *labHost) slow(client labpki.Pair, version uint16) *exec.Cmd {
	h.t.Helper()
	in, err := json.Marshal(insideRequest{
		Address: "127.0.0.1:16514", MaxVersion: version,
		CertPEM: labpki.CertPEM(client.Cert), KeyPEM: client.KeyPEM(h.t),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	cmd := h.Command(h.t.Context(), "/usr/bin/inside", "inside", "slow")
	cmd.Stdin = bytes.NewReader(in)
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.sh("for i in $(seq 200); do [ -e /run/slow ] && exit; sleep 0.02; done; exit 1")
	return cmd
}
