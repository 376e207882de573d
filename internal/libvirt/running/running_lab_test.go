package running

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"virtpki/internal/lab"
	"virtpki/internal/lab/labpki"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/rpc"
)

// labHost is a host with a PKI.
type labHost struct {
	*lab.Host
	t       *testing.T
	ca      *labpki.CA
	release lab.Release
}

// eachRelease runs a test on one fresh host of every release.
func eachRelease(t *testing.T, test func(h *labHost)) {
	t.Helper()
	releases := lab.Tested(t)
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
	return &labHost{host, t, labpki.New(t, "Lab CA"), release}
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

// probe connects to the host's libvirtd as the client; nil means without a certificate.
func (h *labHost) probe(client *labpki.Pair, roots *labpki.CA) insideReply {
	h.t.Helper()
	req := insideRequest{Address: "127.0.0.1:16514", Name: "127.0.0.1"}
	if client != nil {
		req.CertPEM, req.KeyPEM = labpki.CertPEM(client.Cert), client.KeyPEM(h.t)
	}
	if roots != nil {
		req.RootPEM = labpki.CertPEM(roots.Cert)
	}
	return h.do("probe", req)
}

// installTree writes CA, CRL and the server's certificate and key into the default tree below a
// directory.
func (h *labHost) installTree(etc string, server labpki.Pair) {
	h.t.Helper()
	layout := libvirt.System(etc)
	h.write(layout.Path(libvirt.CACert), labpki.CertPEM(h.ca.Cert))
	h.write(layout.Path(libvirt.CACRL), h.ca.CRL())
	h.write(layout.Path(libvirt.ServerKey), server.KeyPEM(h.t))
	h.write(layout.Path(libvirt.ServerCert), labpki.CertPEM(server.Cert))
}

func (h *labHost) server() labpki.Pair {
	return h.ca.Issue("hv1", labpki.ForHost("hv1", "hv1.lab.example", "localhost", "127.0.0.1", "::1"))
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
func (h *labHost) virsh(name string, pair labpki.Pair) *lab.Process {
	h.t.Helper()
	folder := "/root/" + name
	h.write(folder+"/cacert.pem", labpki.CertPEM(h.ca.Cert))
	h.write(folder+"/clientcert.pem", labpki.CertPEM(pair.Cert))
	h.write(folder+"/clientkey.pem", pair.KeyPEM(h.t))
	p, err := h.Start(h.t.Context(), "virsh-"+name, "virsh", "-c", "test+tls://hv1/default?pkipath="+folder, "event", "--event", "lifecycle", "--loop")
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// client waits until a client of the DN is listed.
func (h *labHost) client(dn string) rpc.AdminClient {
	h.t.Helper()
	var listed []rpc.AdminClient
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
	return rpc.AdminClient{}
}
