package running

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"virtpki/internal/lab"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
)

const srvConf = `ca_file = "/srv/ca.pem"
cert_file = "/srv/cert.pem"
key_file = "/srv/key.pem"
`

// TestRealDaemonOpensTLSFiles compares Files with the files that the daemon really opens, as
// strace shows them.
func TestRealDaemonOpensTLSFiles(t *testing.T) {
	cases := []struct{ name, prepare, conf, fatal string }{
		{"no settings", "", "", ""},
		{"crl_file alone", "", "crl_file = \"/srv/crl.pem\"\n", ""},
		{"three without crl_file", "", srvConf, ""},
		{"all four", "", srvConf + "crl_file = '/srv/crl.pem'\n", ""},
		{"crl_file empty", "", srvConf + "crl_file = ''\n", ">=12"},
		{"crl_file that does not exist", "", srvConf + "crl_file = '/srv/nowhere.pem'\n", ">=12"},
		{"the later of two settings", "", srvConf + "ca_file = '/nowhere'\n", ""},
		{"no default CRL", "rm /etc/pki/CA/cacrl.pem", "", ""},
		{"default names and another crl_file", "", `ca_file = "/etc/pki/CA/cacert.pem"
			cert_file = "/etc/pki/libvirt/servercert.pem"
			key_file = "/etc/pki/libvirt/private/serverkey.pem"
			crl_file = "/srv/crl.pem"`, ""},
	}
	eachRelease(t, func(h *labHost) {
		for i, c := range cases {
			h.freshTrees()
			h.sh(c.prepare)
			file := "/etc/libvirt/case.conf"
			h.write(file, []byte(c.conf))
			if h.holds(c.fatal) {
				var ended *lab.NotStartedError
				if _, err := h.StartLibvirtd(t.Context(), "-f", file); !errors.As(err, &ended) {
					t.Errorf("%s: the daemon starts: %v", c.name, err)
				}
				continue
			}
			opened, running := h.trace(fmt.Sprintf("case%d", i), file)
			want := []string{running.Files.CA, running.Files.Cert, running.Files.Key}
			if running.Files.CRL != "" && !strings.HasPrefix(running.Files.CRLNote, "no CRL is read") {
				want = append(want, running.Files.CRL)
			}
			slices.Sort(want)
			if !slices.Equal(opened, want) {
				t.Errorf("%s: opened %q, TLSFiles says %+v", c.name, opened, running.Files)
			}
		}
	})
}

func (h *labHost) freshTrees() {
	h.t.Helper()
	h.installTree("/etc", h.server())
	h.sh(`mkdir -p /srv; cd /etc/pki
		cp CA/cacert.pem /srv/ca.pem; cp CA/cacrl.pem /srv/crl.pem
		cp libvirt/servercert.pem /srv/cert.pem; cp libvirt/private/serverkey.pem /srv/key.pem`)
}

var openedPEM = regexp.MustCompile(`open(?:at)?\((?:AT_FDCWD, )?"((?:/etc/pki|/srv)/[^"]+\.pem)", O_RDONLY`)

// trace runs libvirtd under strace until it has opened the files that it reads for TLS. It
// returns the files of ours that it opened, and the result of At.
func (h *labHost) trace(name, file string) (opened []string, running insideRunning) {
	h.t.Helper()
	p, err := h.Start(h.t.Context(), name, "strace", "-f", "-o", "/run/"+name+".trace", "-e", "trace=open,openat", "libvirtd", "--listen", "-f", file)
	if err != nil {
		h.t.Fatal(err)
	}
	var got insideReply
	for range 100 {
		if got = h.do("running", insideRequest{}); len(got.Running) == 1 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if got.Err != "" || len(got.Running) != 1 || got.Running[0].ConfPath != file || got.Running[0].ConfChanged {
		log, _ := p.Stderr(h.t.Context())
		h.t.Fatalf("%s: running: %+v\n%s", name, got, log)
	}
	h.sh("pkill -x libvirtd")
	p.Wait(h.t.Context())
	for _, m := range openedPEM.FindAllStringSubmatch(h.sh("cat /run/"+name+".trace"), -1) {
		opened = append(opened, m[1])
	}
	slices.Sort(opened)
	return slices.Compact(opened), got.Running[0]
}

// TestRealDaemonRefusesWhatNamedFilesRefuses starts libvirtd on each configuration file for
// which Files has an error: it ends, or it admits no client.
func TestRealDaemonRefusesWhatNamedFilesRefuses(t *testing.T) {
	const lists = "cert_files = ['/srv/cert.pem']\nkey_files = ['/srv/key.pem']\n"
	cases := []struct {
		name, conf string
		since      string // the release from which on the daemon minds
	}{
		{"CA alone", "ca_file = '/srv/ca.pem'", ">=7"},
		{"no CA", "cert_file = '/srv/cert.pem'\nkey_file = '/srv/key.pem'", ">=7"},
		{"no key", "ca_file = '/srv/ca.pem'\ncert_file = '/srv/cert.pem'", ">=7"},
		{"CA empty and alone", "ca_file = ''", ">=7"},
		{"all empty", "ca_file = ''\ncert_file = ''\nkey_file = ''", ">=7"},
		{"certificate empty", "ca_file = '/srv/ca.pem'\ncert_file = ''\nkey_file = '/srv/key.pem'", ">=7"},
		{"CA empty", "ca_file = ''\ncert_file = '/srv/cert.pem'\nkey_file = '/srv/key.pem'", ">=7"},
		{"not a string", "ca_file = 1\ncert_file = '/srv/cert.pem'\nkey_file = '/srv/key.pem'", ">=7"},
		{"lists without CA", lists, ">=12"},
		{"lists and a certificate", lists + "cert_file = '/srv/cert.pem'\nca_file = '/srv/ca.pem'", ">=7"},
		{"lists of different length", "ca_file = '/srv/ca.pem'\ncert_files = ['/srv/cert.pem']\nkey_files = []", ">=7"},
		{"empty lists", "ca_file = '/srv/ca.pem'\ncert_files = []\nkey_files = []", ">=7"},
	}
	eachRelease(t, func(h *labHost) {
		h.freshTrees()
		client := h.ca.Issue("alice", nil)
		for _, c := range cases {
			file, err := conf.Parse([]byte(c.conf))
			if err != nil {
				t.Fatal(err)
			}
			if files, err := FilesOf(file, "/", libvirt.System("/etc")); err == nil {
				t.Errorf("%s: TLSFiles has no error: %+v", c.name, files)
			}
			if !h.holds(c.since) {
				continue
			}
			h.write("/etc/libvirt/libvirtd.conf", []byte(c.conf))
			p, err := h.StartLibvirtd(t.Context())
			var ended *lab.NotStartedError
			if errors.As(err, &ended) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := h.probe(&client, h.ca); got.Confirmed {
				t.Errorf("%s: lets a client in: %+v", c.name, got)
			}
			if err := p.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestRealDaemonServesLists is about the several identities of libvirt 11.10.
func TestRealDaemonServesLists(t *testing.T) {
	eachRelease(t, func(h *labHost) {
		if !h.holds(">=12") {
			return
		}
		h.freshTrees()
		alice := h.ca.Issue("alice", nil)
		h.write("/etc/pki/CA/cacrl.pem", h.ca.CRL(alice.Cert))
		h.write("/etc/libvirt/libvirtd.conf", []byte("ca_file = '/srv/ca.pem'\ncert_files = ['/srv/cert.pem']\nkey_files = ['/srv/key.pem']\n"))
		h.start()
		got := h.do("running", insideRequest{})
		if got.Err != "" || len(got.Running) != 1 {
			t.Fatalf("running: %+v", got)
		}
		if f := got.Running[0].Files; !f.Lists || !f.Custom || f.Cert != "/srv/cert.pem" || f.CRL != "" || f.CRLNote == "" {
			t.Errorf("files: %+v", f)
		}
		if got := h.probe(&alice, h.ca); !got.Confirmed {
			t.Errorf("a client that the default CRL revokes, though no CRL is read: %+v", got)
		}
	})
}

// TestRealDaemonSwitchesIdentity shows the failure that Custom prevents.
func TestRealDaemonSwitchesIdentity(t *testing.T) {
	eachRelease(t, func(h *labHost) {
		h.freshTrees()
		alice := h.ca.Issue("alice", nil)
		h.write("/etc/libvirt/libvirtd.conf", []byte(srvConf))
		h.start()
		got := h.do("running", insideRequest{})
		if got.Err != "" || len(got.Running) != 1 || !got.Running[0].Files.Custom {
			t.Fatalf("running: %+v", got)
		}
		before := h.probe(&alice, h.ca)
		h.installTree("/etc", h.server())
		if got := h.admin("update-tls"); got.Err != "" {
			t.Fatal(got.Err)
		}
		if after := h.probe(&alice, h.ca); after.Fingerprint == before.Fingerprint {
			t.Errorf("libvirt re-reads custom files now: TLSFiles.Custom need not forbid that any more")
		}
	})
}
