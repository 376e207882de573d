package running

import (
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
	"sync"
	"testing"
	"time"

	"virtpki/internal/lab/labpki"
	"virtpki/internal/libvirt/rpc"
)

// The tests against real daemons run on hosts of the lab. The processes and sockets of a host
// can only be seen from inside. So this test binary, built once more without cgo, is put on the
// host and runs there as `inside OPERATION`, with a request as JSON on stdin and the response
// as JSON on stdout.

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
	Clients []rpc.AdminClient
	Servers []string
	Ended   int // connections that came to their end

	Stage       rpc.Stage
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

// insideRunning is a Daemon without its configuration file, which JSON does not carry.
type insideRunning struct {
	Name, AdminSocket, Root, ConfPath, Address string
	PID                                        int
	Files                                      Files
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
		var refusal *rpc.DaemonError
		var authority x509.UnknownAuthorityError
		var hostname x509.HostnameError
		reply.Nobody, reply.Refused = errors.Is(err, rpc.ErrNobodyListens), errors.Is(err, rpc.ErrClientRefused)
		reply.Admin, reply.NoClient, reply.NoServer = errors.As(err, &refusal), errors.Is(err, rpc.ErrNoClient), errors.Is(err, rpc.ErrNoServer)
		reply.UnknownCA, reply.WrongServer = errors.As(err, &authority), errors.As(err, &hostname)
	}
	if err := json.NewEncoder(os.Stdout).Encode(reply); err != nil {
		return 2
	}
	return 0
}

// activate does the work of systemd for socket units: it opens the administration socket and a
// TLS port of another number, and, once the file /run/go is there, runs libvirtd on them
// (sd_listen_fds(3)).
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
	admin, err := rpc.DialAdmin(ctx, req.Socket)
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
	default:
		err = fmt.Errorf("unknown operation %q", operation)
	}
	return err
}

func (r *insideReply) running(ctx context.Context, req insideRequest) error {
	var all []Daemon
	var err error
	if req.Socket != "" {
		var one Daemon
		one, err = At(ctx, req.Socket, "/etc")
		all = []Daemon{one}
	} else {
		all, err = Find(ctx, req.Root, "/etc")
	}
	for _, one := range all {
		r.Running = append(r.Running, insideRunning{one.Daemon.Name, one.AdminSocket, one.Root, one.ConfPath, one.Address, one.PID, one.Files, one.ConfChanged})
	}
	return err
}

func (r *insideReply) probe(ctx context.Context, req insideRequest) error {
	probe := rpc.ProbeRequest{Address: req.Address}
	if req.RootPEM != nil {
		block, _ := pem.Decode(req.RootPEM)
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		probe.Verify = (&labpki.CA{Cert: root}).Vouches(req.Name, time.Time{})
	}
	if req.CertPEM != nil {
		pair, err := tls.X509KeyPair(req.CertPEM, req.KeyPEM)
		if err != nil {
			return err
		}
		probe.Client = &pair
	}
	result, err := rpc.Probe(ctx, probe)
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
		if _, err := rpc.Probe(ctx, rpc.ProbeRequest{Address: req.Address, Client: &pair}); err != nil {
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
	if _, err := io.ReadFull(session, make([]byte, 1)); err != nil { // libvirt's confirmation
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
