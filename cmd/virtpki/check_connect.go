package main

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
	"strings"
	"time"

	"github.com/spf13/cobra"

	"virtpki/internal/certinfo"
	"virtpki/internal/hint"
	"virtpki/internal/judge"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/rpc"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/machine"
	"virtpki/pki"
)

const connectHelp = `--connect does what a client of libvirt's does and says which step fails, who says
no, and what to do: the client's own files, the name, TCP, TLS, the server's
certificate and its host name, the byte by which libvirt lets a client in, then
real calls: which authentication is wanted, opening the driver of the URI, the
name of the host and its libvirt.

URI is what virsh takes (qemu+tls://hv1/system,
test+tls://[fd09::7]:16514/default, with pkipath=, no_verify=1, no_sanity=1 and
the versions in tls_priority=), or an alias of libvirt.conf, or HOST, HOST:PORT or
[V6]:PORT, for which any driver or none is good. The files are those that libvirt
would read here: the system's for root, else ~/.pki/libvirt and what it falls back
to, or those of pkipath; --as connects with another pair. Files and certificates
are judged by the rules of the libvirt that is installed here, else by what all
releases agree on.

Run as root on the server itself, it looks at the daemon's conf, list and CRL to
say which of them refuses a client, and whether what is served is what is on disk.`

const connectExample = `  virtpki check --connect qemu+tls://hv1.example/system
  virtpki check --connect hv1:16514 --as clientcert.pem,clientkey.pem
  virtpki check --connect 'qemu+tls://hv1/system?pkipath=/root/alice' --json`

// connectOptions are the flags of check --connect.
type connectOptions struct {
	uri     string
	as      string // CERT,KEY
	pkipath string
	timeout time.Duration
}

func (o *connectOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.uri, "connect", "", "connect to `URI` as a client does, and say what fails where")
	flags.StringVar(&o.as, "as", "", "with --connect: connect with another client pair, `CERT,KEY`")
	flags.DurationVar(&o.timeout, "timeout", 15*time.Second, "with --connect: `time` for all of it")
	cmd.MarkFlagFilename("as")
	completeFrom(cmd, "connect", "qemu+tls://", "test+tls://")
}

// target is the URI, or that for which an alias stands, with what the flags and the
// client's conf say.
func (o *connectOptions) target(m *machine.Machine) (*libvirt.RemoteURI, error) {
	if o.timeout <= 0 {
		return nil, hint.Usagef("--timeout %v leaves no time", o.timeout)
	}
	conf, err := m.ClientConf()
	if err != nil {
		return nil, err
	}
	aliases, _ := conf.Lookup("uri_aliases")
	if meant := libvirt.FindAlias(aliases.List(), o.uri); meant != "" {
		o.uri = meant
	}
	uri, err := libvirt.ParseRemoteURI(o.uri)
	if err != nil {
		return nil, hint.Usage(connectHint(err, o.uri))
	}
	if priority, ok := conf.Lookup("tls_priority"); ok && uri.Priority.Text == "" {
		uri.Priority = libvirt.ParsePriority(priority.Str())
	}
	return uri, o.addPKIPath(uri)
}

func (o *connectOptions) addPKIPath(uri *libvirt.RemoteURI) error {
	if o.pkipath == "" {
		return nil
	}
	if uri.PKIPath != "" && uri.PKIPath != o.pkipath {
		return hint.Usagef("--pkipath %s and pkipath=%s in the URI", o.pkipath, uri.PKIPath)
	}
	uri.PKIPath = o.pkipath
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

// connectStep is one thing that a client does; its JSON form is stable.
type connectStep struct {
	Name string `json:"name"` // files, name, tcp, tls, certificate, hostname, confirmation, authentication, open, answer, served
	OK   bool   `json:"ok"`
	Side string `json:"side,omitempty"` // who says no: client, network, server
	Text string `json:"text"`
	Fix  string `json:"fix,omitempty"`
	// Likely are the reasons for a no whose reason the client does not get to
	// know, the likeliest first.
	Likely []reason `json:"likely,omitempty"`
}

// reason is why a server may have refused.
type reason struct {
	Sure bool   `json:"sure"` // seen, not guessed
	Text string `json:"text"`
	Fix  string `json:"fix,omitempty"`
}

// connectReport is the answer of check --connect; its JSON form is stable.
type connectReport struct {
	URI     string          `json:"uri"`
	Address string          `json:"address"`
	Opens   string          `json:"opens"`
	Rules   string          `json:"rules"` // the release whose rules count, or "any"
	OK      bool            `json:"ok"`
	Verdict string          `json:"verdict"` // one of the table verdicts
	Client  *certinfo.Info  `json:"client,omitempty"`
	TLS     *sessionInfo    `json:"tls,omitempty"`
	Chain   []certinfo.Info `json:"chain,omitempty"` // as served, the leaf first
	Server  *serverInfo     `json:"server,omitempty"`
	Steps   []connectStep   `json:"steps"`
}

type sessionInfo struct {
	Version string `json:"version"`
	Cipher  string `json:"cipher"`
}

type serverInfo struct {
	Hostname string `json:"hostname"`
	Libvirt  string `json:"libvirt"`
}

// connection is one run of check --connect.
type connection struct {
	e        *env
	g        *globals
	uri      *libvirt.RemoteURI
	files    libvirt.ClientFiles
	set      judge.Set // what is in them
	release  libvirt.Target
	client   *keypair.Pair // nil when none is shown
	distrust distrust
	report   connectReport
}

func (e *env) checkConnect(ctx context.Context, g *globals, o *connectOptions) error {
	uri, err := o.target(g.Machine)
	if err != nil {
		return err
	}
	c := &connection{e: e, g: g, uri: uri, release: release(ctx, g.Machine), report: connectReport{URI: o.uri, Address: uri.Address(), Opens: uri.Opens}}
	c.report.Rules = c.release.String()
	if err := c.load(o); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	if err := c.run(limited, ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return hint.ErrInterrupted
	}
	return c.tell()
}

// load reads the files of the client. What is not there, or makes no sense, is for
// the first step to say; what cannot be read ends it all.
func (c *connection) load(o *connectOptions) error {
	c.files = c.find()
	if o.as != "" {
		cert, key, ok := strings.Cut(o.as, ",")
		if !ok || cert == "" || key == "" {
			return hint.Usagef("--as wants CERT,KEY, two files")
		}
		c.files.Cert, c.files.Key, c.files.Half = cert, key, ""
	}
	c.set = judge.Set{Role: judge.Client, Product: "libvirt",
		CA: c.readAsLibvirt(c.files.CA), CRL: c.readAsLibvirt(c.files.CRL), Cert: c.readAsLibvirt(c.files.Cert), Key: c.readAsLibvirt(c.files.Key)}
	for _, f := range []judge.File{c.set.CA, c.set.CRL, c.set.Cert, c.set.Key} {
		named := o.as != "" && (f.Path == c.files.Cert || f.Path == c.files.Key)
		switch {
		case errors.Is(f.Err, fs.ErrPermission) && os.Geteuid() != 0:
			return hint.With(f.Err, "libvirt stops here as well: a user needs a pair in ~/.pki/libvirt, or another one with --as CERT,KEY")
		case f.Err != nil && (named || !f.Absent()):
			return f.Err
		}
	}
	return nil
}

// readAsLibvirt reads a file. What stands in a folder that may not be looked into is
// not there, to libvirt.
func (c *connection) readAsLibvirt(path string) judge.File {
	if _, err := c.g.Tree().Stat(path); errors.Is(err, fs.ErrPermission) {
		return judge.File{Path: path, Err: fmt.Errorf("%w: %v", fs.ErrNotExist, err)}
	}
	return readForJudge(c.g.Tree(), path)
}

// isThere reports what access(2) says, which libvirt asks: a link to nowhere is
// nothing.
func (c *connection) isThere(path string) bool {
	_, err := c.g.Tree().Stat(path)
	return err == nil
}

// find says which files a client here reads.
func (c *connection) find() libvirt.ClientFiles {
	if c.uri.PKIPath != "" {
		return libvirt.PKIPathFiles(c.uri.PKIPath, c.isThere)
	}
	if home, err := os.UserHomeDir(); err == nil && os.Geteuid() != 0 {
		user := libvirt.User(c.g.Path(home))
		return libvirt.FindClientFiles(c.g.System(), &user, c.isThere)
	}
	return libvirt.FindClientFiles(c.g.System(), nil, c.isThere)
}

// openPair reads the client's pair; without both files there is none.
func (c *connection) openPair() error {
	if c.set.Cert.Absent() || c.set.Key.Absent() {
		return nil
	}
	p := &keypair.Pair{Tree: c.g.Tree(), Role: pki.Client, CertPath: c.files.Cert, KeyPath: c.files.Key}
	if err := hint.First(p.ReadCert(), p.ReadKey()); err != nil {
		return err
	}
	info := certinfo.Of(p.Cert, p.CertPath, c.e.here.Now())
	c.client, c.report.Client = p, &info
	return nil
}

// run goes through the steps until one says no. The error is for what could not be
// tried.
func (c *connection) run(limited, ctx context.Context) error {
	if problem := c.ownFiles(); problem != nil {
		c.no("files", connectStep{Name: "files", Side: clientSide, Text: problem.Text, Fix: problem.Fix})
		return nil
	}
	if err := c.openPair(); err != nil {
		return err
	}
	c.ok("files", "%s", c.filesText())
	conn, result, err := rpc.Connect(limited, c.request())
	if conn != nil {
		defer conn.Close()
	}
	here := c.hosting(ctx, result)
	c.keep(result)
	if !c.stepNetwork(result, err, here) || !c.stepTLS(ctx, result, err) || !c.stepTrust(result) || !c.stepConfirmation(result, err, here) {
		return nil
	}
	if c.call(limited, rpc.NewRemote(conn)) {
		c.stepServed(result, here)
	}
	return nil
}

func (c *connection) request() rpc.ProbeRequest {
	req := rpc.ProbeRequest{
		Address:    c.uri.Address(),
		Verify:     c.verify,
		MinVersion: c.uri.Priority.Min,
		MaxVersion: c.uri.Priority.Max,
	}
	if c.client != nil {
		req.Client = c.client.TLS()
	}
	return req
}

// keep notes what was seen of the session.
func (c *connection) keep(result *rpc.ProbeResult) {
	for _, cert := range result.Chain {
		c.report.Chain = append(c.report.Chain, certinfo.Of(cert, "", c.e.here.Now()))
	}
	if result.Version != 0 {
		c.report.TLS = &sessionInfo{tls.VersionName(result.Version), tls.CipherSuiteName(result.CipherSuite)}
	}
}

func (c *connection) ok(name, format string, args ...any) bool {
	c.report.Steps = append(c.report.Steps, connectStep{Name: name, OK: true, Text: fmt.Sprintf(format, args...)})
	return true
}

// no ends the steps.
func (c *connection) no(verdict string, step connectStep) bool {
	c.report.Verdict = verdict
	c.report.Steps = append(c.report.Steps, step)
	return false
}

// hosting lists the daemons of this machine when it is this machine that is asked,
// and root who asks.
func (c *connection) hosting(ctx context.Context, result *rpc.ProbeResult) []running.Daemon {
	if !slices.ContainsFunc(result.Addresses, c.isOwn) {
		return nil
	}
	return c.g.Running(ctx)
}

func (c *connection) isOwn(addr netip.Addr) bool {
	if addr.IsLoopback() {
		return true
	}
	own, err := c.e.here.Addresses()
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
