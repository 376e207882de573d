package connect

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"virtpki/internal/certinfo"
	"virtpki/internal/hint"
	"virtpki/internal/inspect"
	"virtpki/internal/judge"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/rpc"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/machine"
	"virtpki/pki"
)

// Request says which address to connect to, as which client, and for how long.
type Request struct {
	URI     string        // as virsh takes it, or HOST, HOST:PORT or [V6]:PORT, or SCHEME://HOST:PORT of a service; may be an alias of libvirt.conf
	As      string        // another client pair, CERT,KEY; empty for that of the machine
	PKIPath string        // a directory of a client's files, in place of the machine's
	Timeout time.Duration // for all of it
}

// target returns the URI, after resolving an alias, with the settings of the flags and of the
// client's configuration file.
func (o *Request) target(m *machine.Machine) (*libvirt.RemoteURI, error) {
	if o.Timeout <= 0 {
		return nil, hint.Usagef("--timeout %v is not a positive time", o.Timeout)
	}
	conf, err := m.ClientConf()
	if err != nil {
		return nil, err
	}
	aliases, _ := conf.Lookup("uri_aliases")
	if meant := libvirt.FindAlias(aliases.List(), o.URI); meant != "" {
		o.URI = meant
	}
	if s := findService(o.URI); s != nil {
		return s.parse(o.URI)
	}
	uri, err := libvirt.ParseRemoteURI(o.URI)
	if err != nil {
		return nil, hint.Usage(connectHint(err, o.URI))
	}
	if priority, ok := conf.Lookup("tls_priority"); ok && uri.Priority.Text == "" {
		uri.Priority = libvirt.ParsePriority(priority.Str())
	}
	return uri, o.addPKIPath(uri)
}

func (o *Request) addPKIPath(uri *libvirt.RemoteURI) error {
	if o.PKIPath == "" {
		return nil
	}
	if uri.PKIPath != "" && uri.PKIPath != o.PKIPath {
		return hint.Usagef("--pkipath %s and pkipath=%s in the URI", o.PKIPath, uri.PKIPath)
	}
	uri.PKIPath = o.PKIPath
	return nil
}

func connectHint(err error, uri string) error {
	switch {
	case errors.Is(err, libvirt.ErrLocalURI):
		return hint.With(err, "name the host: qemu+tls://HOST/system")
	case errors.Is(err, libvirt.ErrNotTLS) && strings.Contains(uri, "ssh"):
		return hint.With(err, "ssh needs no certificates; TLS is qemu+tls://HOST/system")
	case errors.Is(err, libvirt.ErrNotTLS):
		return hint.With(err, "TLS is qemu+tls://HOST/system")
	}
	return err
}

// connection is one run.
type connection struct {
	m        *machine.Machine
	uri      *libvirt.RemoteURI
	service  *service // nil for libvirt
	pkipath  string   // that a service's client was told
	dial     string   // the host's address; empty for that of its name
	asFolder string   // the directory for ?pkipath= whose pair --as names; empty for another place
	distant  bool     // the daemon is not looked for on this machine
	files    libvirt.ClientFiles
	set      judge.Set // their contents
	release  libvirt.Release
	client   *keypair.Pair // nil when none is shown
	distrust distrust
	report   Report
}

// Run takes the steps of a client of libvirt's until one fails. The error is for a connection
// that could not be tried; a mistake in the request is a usage error.
func Run(ctx context.Context, m *machine.Machine, r Request) (*Report, error) {
	uri, err := r.target(m)
	if err != nil {
		return nil, err
	}
	c := &connection{m: m, uri: uri, service: findService(r.URI), pkipath: r.PKIPath, report: Report{URI: r.URI, Address: uri.Address(), Opens: uri.Opens}}
	c.release = release(ctx, m, c.service.product())
	c.report.Rules = c.release.String()
	if err := c.load(r.As); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	if err := c.run(limited, ctx); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, hint.ErrInterrupted
	}
	return c.report.finished(), nil
}

// load reads the files of the client. The first step reports files that are missing or make no
// sense; a file that cannot be read is an error.
func (c *connection) load(as string) error {
	c.files = c.find()
	if c.service != nil {
		var err error
		if c.files, err = (visit{c}).findFiles(c.pkipath); err != nil {
			return err
		}
	}
	if as != "" {
		cert, key, ok := strings.Cut(as, ",")
		if !ok || cert == "" || key == "" {
			return hint.Usagef("--as needs two files: CERT,KEY")
		}
		c.files.Cert, c.files.Key, c.files.Half = cert, key, ""
		c.asFolder = pairFolder(cert, key)
	}
	c.set = judge.Set{Role: judge.Client, Product: c.service.product(), GnuTLS: c.m.GnuTLS(),
		CA: c.readAsLibvirt(c.files.CA), CRL: c.readAsLibvirt(c.files.CRL), Cert: c.readAsLibvirt(c.files.Cert), Key: c.readAsLibvirt(c.files.Key)}
	for _, f := range []judge.File{c.set.CA, c.set.CRL, c.set.Cert, c.set.Key} {
		named := as != "" && (f.Path == c.files.Cert || f.Path == c.files.Key)
		switch {
		case errors.Is(f.Err, fs.ErrPermission) && os.Geteuid() != 0:
			return hint.With(f.Err, "libvirt stops here too: put a certificate and key into ~/.pki/libvirt, or name others with --as CERT,KEY")
		case f.Err != nil && (named || !f.Absent()):
			return f.Err
		}
	}
	return nil
}

// readAsLibvirt reads a file. For libvirt, a file does not exist if its directory may not be
// searched.
func (c *connection) readAsLibvirt(path string) judge.File {
	if _, err := c.m.Tree().Stat(path); errors.Is(err, fs.ErrPermission) {
		return judge.File{Path: path, Err: fmt.Errorf("%w: %v", fs.ErrNotExist, err)}
	}
	return inspect.File(c.m.Tree(), path)
}

// isThere reports the result of access(2), which libvirt asks: for it, a broken link does not
// exist.
func (c *connection) isThere(path string) bool {
	_, err := c.m.Tree().Stat(path)
	return err == nil
}

// find says which files a client of libvirt's reads here.
func (c *connection) find() libvirt.ClientFiles {
	if c.uri.PKIPath != "" {
		return libvirt.PKIPathFiles(c.uri.PKIPath, c.isThere)
	}
	if home, err := os.UserHomeDir(); err == nil && os.Geteuid() != 0 {
		user := libvirt.User(c.m.Path(home))
		return libvirt.FindClientFiles(c.m.System(), &user, c.isThere)
	}
	return libvirt.FindClientFiles(c.m.System(), nil, c.isThere)
}

// openPair reads the client's pair; without both files the client does not have one.
func (c *connection) openPair() error {
	if c.set.Cert.Absent() || c.set.Key.Absent() {
		return nil
	}
	p := &keypair.Pair{Tree: c.m.Tree(), Role: pki.Client, CertPath: c.files.Cert, KeyPath: c.files.Key}
	if err := hint.First(p.ReadCert(), p.ReadKey()); err != nil {
		return err
	}
	info := certinfo.Of(p.Cert, p.CertPath, c.m.Now())
	c.client, c.report.Client = p, &info
	return nil
}

// run takes the steps until one fails. The error is for a connection that could not be tried.
func (c *connection) run(limited, ctx context.Context) error {
	if problem := c.ownFiles(); problem != nil {
		c.no("files", Step{Name: "files", Side: clientSide, Text: problem.Text, Fix: problem.Fix})
		return nil
	}
	if err := c.openPair(); err != nil {
		return err
	}
	c.ok("files", "%s", c.filesText())
	if c.service != nil {
		visit{c}.run(limited)
		return nil
	}
	c.meet(limited, ctx)
	return nil
}

// meet connects to a daemon and goes through the steps that need one.
func (c *connection) meet(limited, ctx context.Context) {
	conn, result, err := rpc.Connect(limited, c.request())
	if conn != nil {
		defer conn.Close()
	}
	here := c.hosting(ctx, result)
	c.keep(result)
	if !c.stepNetwork(result, err, here) || !c.stepTLS(ctx, result, err) || !c.stepTrust(result) || !c.stepConfirmation(result, err, here) {
		return
	}
	if c.call(limited, rpc.NewRemote(conn)) {
		c.stepServed(result, here)
	}
}

func (c *connection) request() rpc.ProbeRequest {
	req := rpc.ProbeRequest{
		Address:    c.uri.Address(),
		Verify:     c.verify,
		MinVersion: c.uri.Priority.Min,
		MaxVersion: c.uri.Priority.Max,
	}
	if c.dial != "" {
		req.Address = net.JoinHostPort(c.dial, strconv.Itoa(c.uri.Port))
	}
	if c.client != nil {
		req.Client = c.client.TLS()
	}
	return req
}

// keep records the facts about the session.
func (c *connection) keep(result *rpc.ProbeResult) {
	for _, cert := range result.Chain {
		c.report.Chain = append(c.report.Chain, certinfo.Of(cert, "", c.m.Now()))
	}
	if result.Version != 0 {
		c.report.TLS = &Session{tls.VersionName(result.Version), tls.CipherSuiteName(result.CipherSuite)}
	}
}

func (c *connection) ok(name, format string, args ...any) bool {
	c.report.Steps = append(c.report.Steps, Step{Name: name, OK: true, Text: fmt.Sprintf(format, args...)})
	return true
}

// no ends the steps with a failed one.
func (c *connection) no(verdict string, step Step) bool {
	c.report.Verdict = verdict
	c.report.Steps = append(c.report.Steps, step)
	return false
}

// hosting lists the daemons of this machine when it is this machine that is asked,
// and root who asks.
func (c *connection) hosting(ctx context.Context, result *rpc.ProbeResult) []running.Daemon {
	if c.distant || !slices.ContainsFunc(result.Addresses, c.isOwn) {
		return nil
	}
	return c.m.Running(ctx)
}

func (c *connection) isOwn(addr netip.Addr) bool {
	if addr.IsLoopback() {
		return true
	}
	own, err := c.m.Addresses()
	return err == nil && slices.ContainsFunc(own, func(ip net.IP) bool { return ip.Equal(addr.AsSlice()) })
}

// asked is the one of the daemons here that holds the port.
func (c *connection) asked(here []running.Daemon) *running.Daemon {
	for i, d := range here {
		if strings.HasSuffix(d.Address, fmt.Sprintf(":%d", c.uri.Port)) {
			return &here[i]
		}
	}
	return nil
}
