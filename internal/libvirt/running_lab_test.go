package libvirt

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"virtpki/internal/lab"
)

// The tests against real daemons run on hosts of the lab, whose processes and
// sockets can only be seen from inside. So this test binary, built once more
// without cgo, is put on the host and runs there as `inside OPERATION`, with a
// request as JSON on stdin and the answer as JSON on stdout.

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "inside" {
		os.Exit(inside(os.Args[2]))
	}
	folder, err := os.MkdirTemp("", "virtpki-inside-")
	if err != nil {
		panic(err)
	}
	os.Setenv("VIRTPKI_TEST_INSIDE", filepath.Join(folder, "inside"))
	status := m.Run()
	os.RemoveAll(folder)
	os.Exit(status)
}

// insideRequest has the arguments of all operations.
type insideRequest struct {
	Root, Socket     string
	ID               uint64
	DN               string
	Address, Name    string
	MaxVersion       uint16
	RootPEM          []byte
	CertPEM, KeyPEM  []byte
	DeadlineMillisec int
}

// insideReply has the results of all operations; Err is the text of an error.
type insideReply struct {
	Running []insideRunning
	Clients []AdminClient
	Servers []string
	Ended   int // connections that came to their end

	Stage       Stage
	Fingerprint string
	Version     uint16
	Confirmed   bool

	Err         string
	Nobody      bool // errors.Is ErrNobodyListens
	Refused     bool // errors.Is ErrClientRefused
	Admin       bool // errors.As *DaemonError
	NoClient    bool // errors.Is ErrNoClient
	NoServer    bool // errors.Is ErrNoServer
	UnknownCA   bool // errors.As x509.UnknownAuthorityError
	WrongServer bool // errors.As x509.HostnameError
}

// insideRunning is a Running without its conf, which JSON does not carry.
type insideRunning struct {
	Name, AdminSocket, Root, ConfPath, Address string
	PID                                        int
	Files                                      TLSFiles
	ConfChanged                                bool
}

func inside(operation string) int {
	if operation == "activate" {
		return activate()
	}
	var req insideRequest
	if err := json.NewDecoder(os.Stdin).Decode(&req); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	var reply insideReply
	if err := reply.run(operation, req); err != nil {
		reply.Err = err.Error()
		var refusal *DaemonError
		var authority x509.UnknownAuthorityError
		var hostname x509.HostnameError
		reply.Nobody, reply.Refused = errors.Is(err, ErrNobodyListens), errors.Is(err, ErrClientRefused)
		reply.Admin, reply.NoClient, reply.NoServer = errors.As(err, &refusal), errors.Is(err, ErrNoClient), errors.Is(err, ErrNoServer)
		reply.UnknownCA, reply.WrongServer = errors.As(err, &authority), errors.As(err, &hostname)
	}
	if err := json.NewEncoder(os.Stdout).Encode(reply); err != nil {
		return 2
	}
	return 0
}

// activate does what systemd does for socket units: it opens the administration
// socket and a TLS port of another number, and, once the file /run/go is there,
// runs libvirtd on them (sd_listen_fds(3)).
func activate() int {
	os.MkdirAll("/run/libvirt", 0o755)
	admin, err := net.ListenUnix("unix", &net.UnixAddr{Name: libvirtAdminSock})
	if err != nil {
		panic(err)
	}
	port, err := net.ListenTCP("tcp", &net.TCPAddr{Port: 16999})
	if err != nil {
		panic(err)
	}
	adminFile, _ := admin.File()
	portFile, _ := port.File()
	for {
		if _, err := os.Stat("/run/go"); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	cmd := exec.Command("sh", "-c", "LISTEN_PID=$$ exec libvirtd")
	cmd.Env = append(os.Environ(), "LISTEN_FDS=2", "LISTEN_FDNAMES=libvirtd-admin.socket:libvirtd-tls.socket")
	cmd.ExtraFiles = []*os.File{adminFile, portFile}
	cmd.Stderr = os.Stderr
	cmd.Run()
	return 0
}

func (r *insideReply) run(operation string, req insideRequest) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	switch operation {
	case "running":
		return r.running(ctx, req)
	case "probe":
		return r.probe(ctx, req)
	case "slow":
		return r.slow(ctx, req)
	case "hammer":
		return r.hammer(ctx, req)
	}
	admin, err := DialAdmin(ctx, req.Socket)
	if err != nil {
		return err
	}
	defer admin.Close()
	switch operation {
	case "servers":
		r.Servers, err = admin.Servers(ctx)
	case "lookup":
		err = admin.Lookup(ctx, "nonesuch")
	case "clients":
		r.Clients, err = admin.Clients(ctx, "libvirtd")
	case "disconnect-dn":
		r.Ended, err = admin.DisconnectDN(ctx, "libvirtd", req.DN)
	case "disconnect":
		err = admin.Disconnect(ctx, "libvirtd", req.ID)
	case "update-tls":
		err = admin.UpdateTLS(ctx, "libvirtd")
	case "update-tls-often":
		for range 200 {
			if err = admin.UpdateTLS(ctx, "libvirtd"); err != nil {
				break
			}
			time.Sleep(2 * time.Millisecond)
		}
	case "update-tls-at-once":
		err = admin.updateNow(ctx, "libvirtd")
	default:
		err = fmt.Errorf("unknown operation %q", operation)
	}
	return err
}

func (r *insideReply) running(ctx context.Context, req insideRequest) error {
	var all []Running
	var err error
	if req.Socket != "" {
		var one Running
		one, err = RunningAt(ctx, req.Socket, "/etc")
		all = []Running{one}
	} else {
		all, err = FindRunning(ctx, req.Root, "/etc")
	}
	for _, one := range all {
		r.Running = append(r.Running, insideRunning{one.Daemon.Name, one.AdminSocket, one.Root, one.ConfPath, one.Address, one.PID, one.Files, one.ConfChanged})
	}
	return err
}

func (r *insideReply) probe(ctx context.Context, req insideRequest) error {
	probe := ProbeRequest{Address: req.Address}
	if req.RootPEM != nil {
		block, _ := pem.Decode(req.RootPEM)
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		probe.Verify = (&testCA{cert: root}).vouches(req.Name, time.Time{})
	}
	if req.CertPEM != nil {
		pair, err := tls.X509KeyPair(req.CertPEM, req.KeyPEM)
		if err != nil {
			return err
		}
		probe.Client = &pair
	}
	result, err := Probe(ctx, probe)
	r.Stage, r.Fingerprint, r.Version, r.Confirmed = result.Stage, result.Fingerprint(), result.Version, result.Confirmed
	return err
}

// hammer connects again and again until the file /run/stop is there, and counts.
func (r *insideReply) hammer(ctx context.Context, req insideRequest) error {
	pair, err := tls.X509KeyPair(req.CertPEM, req.KeyPEM)
	if err != nil {
		return err
	}
	for {
		if _, err := os.Stat("/run/stop"); err == nil {
			return nil
		}
		if _, err := Probe(ctx, ProbeRequest{Address: req.Address, Client: &pair}); err != nil {
			return err
		}
		r.Ended++
	}
}

// slow connects like a client that stops before it shows its certificate, until the
// file /run/go is there.
func (r *insideReply) slow(ctx context.Context, req insideRequest) error {
	pair, err := tls.X509KeyPair(req.CertPEM, req.KeyPEM)
	if err != nil {
		return err
	}
	conn, err := net.Dial("tcp", req.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	session := tls.Client(conn, &tls.Config{
		InsecureSkipVerify: true,
		MaxVersion:         req.MaxVersion,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			os.WriteFile("/run/slow", nil, 0o644)
			for {
				if _, err := os.Stat("/run/go"); err == nil {
					return &pair, nil
				}
				time.Sleep(10 * time.Millisecond)
			}
		},
	})
	if err := session.HandshakeContext(ctx); err != nil {
		return err
	}
	if err := confirm(ctx, session); err != nil {
		return err
	}
	r.Confirmed = true
	os.WriteFile("/run/confirmed", nil, 0o644)
	io.Copy(io.Discard, session) // until the daemon ends it
	return nil
}

// insideBinary builds the test binary for the hosts, once.
var insideBinary = sync.OnceValues(func() (string, error) {
	binary := os.Getenv("VIRTPKI_TEST_INSIDE")
	cmd := exec.Command("go", "test", "-c", "-o", binary, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the test binary: %w\n%s", err, out)
	}
	return binary, nil
})

// labHost is a host with a PKI.
type labHost struct {
	*lab.Host
	t       *testing.T
	ca      *testCA
	release lab.Release
}

// eachRelease runs a test on one fresh host of every release.
func eachRelease(t *testing.T, test func(h *labHost)) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no real libvirtd")
	}
	if err := lab.Usable(); err != nil {
		t.Skip(err)
	}
	releases, err := lab.Select(os.Getenv("VIRTPKI_RELEASES"))
	if err != nil {
		t.Fatal(err)
	}
	binary, err := insideBinary()
	if err != nil {
		t.Fatal(err)
	}
	for _, release := range releases {
		t.Run(release.String(), func(t *testing.T) { test(newLabHost(t, release, binary)) })
	}
}

func newLabHost(t *testing.T, release lab.Release, binary string) *labHost {
	t.Helper()
	root, err := lab.Root(t.Context(), release)
	if err != nil {
		t.Fatal(err)
	}
	host, err := lab.NewHost(t.Context(), lab.HostConfig{Root: root, Name: "hv1", FQDN: "hv1.lab.example", Files: map[string]string{binary: "/usr/bin/inside"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })
	return &labHost{host, t, newTestCA(t, "Lab CA"), release}
}

// holds reports whether a comparison such as ">=12" is true of the host's libvirt;
// an empty one is not.
func (h *labHost) holds(comparison string) bool {
	h.t.Helper()
	if comparison == "" {
		return false
	}
	holds, err := h.release.Holds(comparison)
	if err != nil {
		h.t.Fatal(err)
	}
	return holds
}

func (h *labHost) write(name string, data []byte) {
	h.t.Helper()
	if err := h.WriteFile(h.t.Context(), name, data, 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h *labHost) sh(script string) string {
	h.t.Helper()
	out, err := h.Output(h.t.Context(), "sh", "-c", script)
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// do runs an operation on the host.
func (h *labHost) do(operation string, req insideRequest) insideReply {
	h.t.Helper()
	in, err := json.Marshal(req)
	if err != nil {
		h.t.Fatal(err)
	}
	cmd := h.Command(h.t.Context(), "/usr/bin/inside", "inside", operation)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		h.t.Fatalf("%s: %v: %s", operation, err, stderr.String())
	}
	var reply insideReply
	if err := json.Unmarshal(out, &reply); err != nil {
		h.t.Fatalf("%s: %v: %s", operation, err, out)
	}
	return reply
}

const libvirtAdminSock = "/run/libvirt/libvirt-admin-sock"

func (h *labHost) admin(operation string) insideReply {
	h.t.Helper()
	return h.do(operation, insideRequest{Socket: libvirtAdminSock})
}

// probe connects to the host's libvirtd as the client; nil is no certificate.
func (h *labHost) probe(client *testPair, roots *testCA) insideReply {
	h.t.Helper()
	req := insideRequest{Address: "127.0.0.1:16514", Name: "127.0.0.1"}
	if client != nil {
		req.CertPEM, req.KeyPEM = certPEM(client.cert), client.keyPEM(h.t)
	}
	if roots != nil {
		req.RootPEM = certPEM(roots.cert)
	}
	return h.do("probe", req)
}

// installTree writes CA, CRL and server pair into the default tree below a folder.
func (h *labHost) installTree(etc string, server testPair) {
	h.t.Helper()
	layout := System(etc)
	h.write(layout.Path(CACert), certPEM(h.ca.cert))
	h.write(layout.Path(CACRL), h.ca.crl())
	h.write(layout.Path(ServerKey), server.keyPEM(h.t))
	h.write(layout.Path(ServerCert), certPEM(server.cert))
}

func (h *labHost) server() testPair {
	return h.ca.issue("hv1", forHost("hv1", "hv1.lab.example", "localhost", "127.0.0.1", "::1"))
}

func (h *labHost) start(args ...string) *lab.Process {
	h.t.Helper()
	p, err := h.StartLibvirtd(h.t.Context(), args...)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// virsh starts a virsh that stays connected and waits for events.
func (h *labHost) virsh(name string, pair testPair) *lab.Process {
	h.t.Helper()
	folder := "/root/" + name
	h.write(folder+"/cacert.pem", certPEM(h.ca.cert))
	h.write(folder+"/clientcert.pem", certPEM(pair.cert))
	h.write(folder+"/clientkey.pem", pair.keyPEM(h.t))
	p, err := h.Start(h.t.Context(), "virsh-"+name, "virsh", "-c", "test+tls://hv1/default?pkipath="+folder, "event", "--event", "lifecycle", "--loop")
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// client waits until a client of the DN is listed.
func (h *labHost) client(dn string) AdminClient {
	h.t.Helper()
	var listed []AdminClient
	for range 100 {
		reply := h.admin("clients")
		if reply.Err != "" {
			h.t.Fatal(reply.Err)
		}
		listed = reply.Clients
		for _, c := range listed {
			if c.DN == dn {
				return c
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	h.t.Fatalf("no client %q among %+v", dn, listed)
	return AdminClient{}
}
