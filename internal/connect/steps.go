package connect

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"

	"virtpki/internal/libvirt/rpc"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/reload"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
)

// The sides of a connection, any of which may refuse.
const (
	clientSide  = "client"
	networkSide = "network"
	serverSide  = "server"
)

// Verdicts maps each verdict to its words.
var Verdicts = map[string]string{
	"fine":           "fine",
	"files":          "no connection was tried: the client refuses its own files",
	"wrong-protocol": "the other end speaks another protocol, or hangs",
	"no-address":     "the name does not resolve to an address",
	"nobody-listens": "nobody listens",
	"unreachable":    "the host does not answer",
	"no-tls":         "the other end does not speak TLS",
	"tls-failed":     "TLS failed",
	"untrusted":      "TLS works, but the client refuses the server's certificate",
	"wrong-name":     "TLS works, but the server's certificate has the wrong name",
	"refused":        "TLS works, but the server refuses the client",
	"no-answer":      "TLS works, but the server hangs or speaks another protocol",
	"auth-wanted":    "TLS works and the client is admitted; the daemon also needs a password",
	"libvirt-error":  "TLS works and the client is admitted, but libvirt refuses the call",
	"display":        "libvirt works, but a guest's display does not",
	"other-files":    "the connection works, but the server serves another certificate than the one on disk",
}

// filesText says with which files the client goes.
func (c *connection) filesText() string {
	text := fmt.Sprintf("trusts %s", c.files.CA)
	switch {
	case c.service != nil && !c.service.asks:
		return text
	case c.client != nil:
		return text + fmt.Sprintf(", shows %s of %s", subject.Of(c.client.Cert), c.client.CertPath)
	case c.files.Half != "":
		return text + fmt.Sprintf(", shows no certificate: %s is there without its other half (libvirt 12.8 stops here)", c.files.Half)
	}
	return text + fmt.Sprintf(", shows no certificate: there is no %s with its key", c.files.Cert)
}

// stepNetwork is the name and the TCP connection.
func (c *connection) stepNetwork(result *rpc.ProbeResult, err error, here []running.Daemon) bool {
	if result.Stage == rpc.StageResolve {
		return c.no("no-address", Step{Name: "name", Side: networkSide, Text: bare(err),
			Fix: "look the name up with: getent hosts " + termtext.ShellWord(c.uri.Host)})
	}
	c.ok("name", "%s", addressesText(c, result.Addresses))
	if result.Stage == rpc.StageDial {
		verdict, fix := "unreachable", "check the address, whether the host runs, and whether a firewall blocks port "+fmt.Sprint(c.uri.Port)+" pass?"
		if errors.Is(err, rpc.ErrNobodyListens) {
			verdict, fix = "nobody-listens", c.whyNobody(result, here)
		}
		return c.no(verdict, Step{Name: "tcp", Side: networkSide, Text: bare(err), Fix: fix})
	}
	return c.ok("tcp", "%s answers", result.Remote)
}

// addressesText lists the addresses of a name.
func addressesText(c *connection, all []netip.Addr) string {
	if _, err := netip.ParseAddr(c.uri.Host); err == nil {
		return c.uri.Host + " is an address"
	}
	var texts []string
	for _, addr := range all {
		texts = append(texts, addr.String())
	}
	return fmt.Sprintf("%s is %s", c.uri.Host, strings.Join(texts, ", "))
}

// stepTLS is the handshake but for the trust.
func (c *connection) stepTLS(ctx context.Context, result *rpc.ProbeResult, err error) bool {
	if result.Stage == rpc.StageHandshake {
		verdict, step := c.whyNoTLS(ctx, result, err)
		return c.no(verdict, step)
	}
	text := fmt.Sprintf("%s, %s", c.report.TLS.Version, c.report.TLS.Cipher)
	if c.uri.Priority.Rest {
		text += fmt.Sprintf(" (of tls_priority=%s only the versions were used)", c.uri.Priority.Text)
	}
	return c.ok("tls", "%s", text)
}

// stepTrust checks the certificate and its names as the client does.
func (c *connection) stepTrust(result *rpc.ProbeResult) bool {
	if c.uri.NoVerify {
		c.ok("certificate", "%s", unlooked(c.distrust.certificate, c.servedText(result)))
		return c.ok("hostname", "%s", unlooked(c.distrust.name, "not checked: no_verify is set"))
	}
	if problem := c.distrust.certificate; problem != nil {
		return c.no("untrusted", Step{Name: "certificate", Side: clientSide, Text: problem.Text, Fix: problem.Fix})
	}
	c.ok("certificate", "%s", c.servedText(result))
	if problem := c.distrust.name; problem != nil {
		return c.no("wrong-name", Step{Name: "hostname", Side: clientSide, Text: problem.Text, Fix: problem.Fix})
	}
	if c.service != nil {
		return c.ok("hostname", "%s, which the client compares, is in the certificate", c.uri.Host)
	}
	return c.ok("hostname", "%s is in the certificate", c.uri.Host)
}

// unlooked names the fault that no_verify ignores.
func unlooked(problem *Reason, otherwise string) string {
	if problem == nil {
		return otherwise
	}
	return "ignored because no_verify is set: " + problem.Text
}

func (c *connection) servedText(result *rpc.ProbeResult) string {
	leaf := result.Leaf()
	return fmt.Sprintf("%s until %s, of %s", subject.Of(leaf), c.report.Chain[0].Until(), subject.IssuerOf(leaf))
}

// stepConfirmation reads the byte with which libvirt admits a client.
func (c *connection) stepConfirmation(result *rpc.ProbeResult, err error, here []running.Daemon) bool {
	switch {
	case err == nil && c.client == nil:
		return c.ok("confirmation", "the server admits a client without a certificate")
	case err == nil:
		return c.ok("confirmation", "the server admits %s", subject.Of(c.client.Cert))
	case errors.Is(err, rpc.ErrClientRefused):
		step := Step{Name: "confirmation", Side: serverSide, Text: "the server closed the connection instead of accepting the client"}
		step.Likely = c.whyRefused(result, here)
		return c.no("refused", step)
	case errors.Is(err, context.DeadlineExceeded):
		return c.no("no-answer", Step{Name: "confirmation", Side: serverSide, Text: "no decision in time: " + bare(err),
			Fix: "check whether libvirtd hangs, or another program uses this port"})
	}
	return c.no("no-answer", Step{Name: "confirmation", Side: serverSide, Text: bare(err), Fix: "another program uses this port; libvirt's port is 16514 unless tls_port sets another"})
}

// call makes the calls with which every client of libvirt's begins.
func (c *connection) call(ctx context.Context, remote *rpc.Remote) bool {
	types, err := remote.AuthTypes(ctx)
	if err != nil {
		return c.stepCallFailed("authentication", err)
	}
	if !c.stepAuthentication(ctx, remote, types) {
		return false
	}
	err = remote.Open(ctx, c.uri.Opens)
	var refusal *rpc.DaemonError
	switch {
	case c.uri.AnyDriver && errors.As(err, &refusal):
		return c.ok("open", "the URI names no driver, and the daemon has none to choose (%s)", termtext.Quote(refusal.Message))
	case err != nil:
		return c.stepCallFailed("open", err)
	}
	defer remote.Leave(ctx)
	c.ok("open", "%s", c.opened())
	return c.stepAnswer(ctx, remote)
}

// stepAnswer makes calls to which only an open driver responds.
func (c *connection) stepAnswer(ctx context.Context, remote *rpc.Remote) bool {
	host, err := remote.Hostname(ctx)
	if err != nil {
		return c.stepCallFailed("answer", err)
	}
	version, err := remote.LibVersion(ctx)
	if err != nil {
		return c.stepCallFailed("answer", err)
	}
	c.report.Server = &Server{host, version}
	return c.ok("answer", "host %s, libvirt %s", termtext.Quote(host), version)
}

func (c *connection) opened() string {
	if c.uri.Opens == "" {
		return "the driver that the daemon chose"
	}
	return c.uri.Opens
}

// stepAuthentication checks whether the daemon wants more than TLS.
func (c *connection) stepAuthentication(ctx context.Context, remote *rpc.Remote, types []rpc.AuthType) bool {
	wanted := rpc.AuthNone
	if len(types) > 0 {
		wanted = types[0] // a client that was told nothing else takes the first
	}
	switch wanted {
	case rpc.AuthNone:
		return c.ok("authentication", "no password is needed besides the certificate")
	case rpc.AuthSASL:
		text := "the daemon needs SASL besides TLS (auth_tls in its configuration file)"
		if mechanisms, err := remote.SASLMechanisms(ctx); err != nil {
			text += ", and cannot do it itself: " + bare(err)
		} else {
			text += ": " + termtext.Quote(strings.Join(mechanisms, ", "))
		}
		return c.no("auth-wanted", Step{Name: "authentication", Side: serverSide, Text: text,
			Fix: "virsh asks for user and password, or reads them from auth.conf; certificates alone are enough with auth_tls = \"none\" on the server"})
	}
	return c.no("auth-wanted", Step{Name: "authentication", Side: serverSide, Text: fmt.Sprintf("the daemon needs %s besides TLS", wanted),
		Fix: "certificates alone are enough with auth_tls = \"none\" on the server"})
}

// stepCallFailed words a call that the daemon refuses, or to which its response makes no sense.
func (c *connection) stepCallFailed(name string, err error) bool {
	var refusal *rpc.DaemonError
	if !errors.As(err, &refusal) {
		return c.no("no-answer", Step{Name: name, Side: serverSide, Text: bare(err),
			Fix: "the client was admitted, but the daemon does not respond like libvirt: check its log, and whether it hangs"})
	}
	fix := "see the daemon's log"
	if name == "open" {
		fix = fixOpen(bare(err))
	}
	return c.no("libvirt-error", Step{Name: name, Side: serverSide, Text: termtext.Quote(bare(err)), Fix: fix})
}

// stepServed compares the served certificate with the files of the daemon, when it is here.
func (c *connection) stepServed(result *rpc.ProbeResult, here []running.Daemon) bool {
	d := c.asked(here)
	if d == nil {
		return true
	}
	state := reload.StateOf(*d, result)
	if err := state.Err(); err != nil {
		return c.no("other-files", Step{Name: "served", Side: serverSide, Text: d.Daemon.Name + " here: " + err.Error(), Fix: "virtpki reload"})
	}
	return c.ok("served", "%s here serves %s, until %s", d.Daemon.Name, filepath.Join(d.Root, d.Files.Cert), termtext.Day(state.OnDisk.NotAfter))
}

// bare returns an error without the address at its beginning, which stands above it.
func bare(err error) string {
	var failed *rpc.ProbeError
	if errors.As(err, &failed) {
		if inner := errors.Unwrap(failed.Err); inner != nil {
			return inner.Error()
		}
	}
	return err.Error()
}
