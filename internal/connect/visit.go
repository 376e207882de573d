package connect

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"virtpki/internal/libvirt/rpc"
	"virtpki/internal/starttls"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
)

// silence is how long a server that sends nothing by itself has to refuse a client. QEMU ends
// the connection as soon as the handshake is over.
const silence = 2 * time.Second

// visit is a connection to a service.
type visit struct{ *connection }

// run takes the steps of a client of the service, up to the point where the server admits it.
func (c visit) run(limited context.Context) {
	dialogue := c.service.dialogue()
	req := c.requestFor(dialogue)
	result, err := rpc.Probe(limited, req)
	c.keep(result)
	if !c.stepNetwork(result, err, nil) || !c.stepBegin(result, err, dialogue) || !c.stepSession(result, err) || !c.stepTrust(result) ||
		!c.stepAdmission(result, err, dialogue) {
		return
	}
	if c.client != nil && c.service.asks && !c.service.unfinished {
		c.stepDemand(limited)
	}
}

// requestFor is the request for one connection.
func (c visit) requestFor(dialogue starttls.Dialogue) rpc.ProbeRequest {
	req := c.request()
	req.Begin = dialogue.Begin
	if !c.service.asks { // its viewers do not have one to show
		req.Client = nil
	}
	req.Confirm = func(ctx context.Context, conn net.Conn) error {
		if err := dialogue.Confirm(conn); !errors.Is(err, starttls.ErrSilent) {
			return err
		}
		return outlast(ctx, conn)
	}
	return req
}

// outlast returns nil once the server has kept the connection for a while, or has sent
// something.
func outlast(ctx context.Context, conn net.Conn) error {
	conn.SetReadDeadline(time.Now().Add(silence))
	_, err := conn.Read(make([]byte, 1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ctx.Err()
	}
	return err
}

// errUnfinished ends a handshake that must not be finished.
var errUnfinished = errors.New("the handshake is not finished")

// stepBegin is the part before TLS.
func (c visit) stepBegin(result *rpc.ProbeResult, err error, dialogue starttls.Dialogue) bool {
	var other *starttls.OtherError
	step := Step{Name: "protocol", Side: serverSide}
	switch {
	case result.Stage != rpc.StageBegin:
		if offer := dialogue.Offer(); offer != "" {
			return c.ok("protocol", "%s", offer)
		}
		return true
	case errors.As(err, &other):
		step.Text, step.Fix = c.whoAnswers(other.Head)
		return c.no("wrong-protocol", step)
	case errors.Is(err, starttls.ErrNoTLS):
		step.Text, step.Fix = bare(err), c.noTLS()
		return c.no("no-tls", step)
	case errors.Is(err, context.DeadlineExceeded):
		step.Text, step.Fix = "the connection is accepted, but the other end sends nothing", "is it a "+c.service.what+"? "+c.service.listen
		return c.no("wrong-protocol", step)
	}
	step.Text, step.Fix = bare(err), "is it a "+c.service.what+"? Look at the log of the guest: /var/log/libvirt/qemu"
	return c.no("wrong-protocol", step)
}

// noTLS says how the service is given TLS.
func (c visit) noTLS() string {
	switch c.service.scheme {
	case "vnc":
		return "on the server: virtpki config qemu --with vnc --apply, then restart libvirtd and the guest"
	case "nbd", "nbds":
		return "on the server: qemu-nbd --object tls-creds-x509,id=tls0,endpoint=server,dir=/etc/pki/qemu --tls-creds tls0; libvirt sets TLS up for virsh migrate --tls and backups"
	}
	return "on the server: virtpki config qemu --with " + c.service.scheme + " --apply, then restart libvirtd and the guest"
}

// stepSession is the handshake but for the trust.
func (c visit) stepSession(result *rpc.ProbeResult, err error) bool {
	if result.Stage != rpc.StageHandshake {
		return c.ok("tls", "%s, %s", c.report.TLS.Version, c.report.TLS.Cipher)
	}
	verdict, step := c.whyNoSession(err)
	return c.no(verdict, step)
}

// whyNoSession tells a service without TLS from one with which TLS fails.
func (c visit) whyNoSession(err error) (verdict string, step Step) {
	step = Step{Name: "tls", Side: serverSide, Text: bare(err)}
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &header):
		step.Text, step.Fix = c.whoAnswers(header.RecordHeader[:])
		if c.service.scheme == "spice" && strings.HasPrefix(string(header.RecordHeader[:]), "REDQ") {
			step.Text = "it is SPICE's port without TLS"
			step.Fix = "the port with TLS is tlsPort in virsh dumpxml GUEST; if it is -1 or missing: " + c.noTLS()
		}
		return "no-tls", step
	case errors.Is(err, context.DeadlineExceeded):
		step.Text, step.Fix = "the connection is accepted, but the other end sends nothing", "check that it serves TLS and that no other client uses it. "+c.service.listen
		return "tls-failed", step
	case isSilent(err):
		step.Text, step.Fix = "the other end closed the connection before TLS began: "+bare(err), "check that it serves TLS, and the guest's log: /var/log/libvirt/qemu"
		return "tls-failed", step
	}
	step.Fix = fixAlert(err)
	return "tls-failed", step
}

// stepAdmission reports whether the server admits the client.
func (c visit) stepAdmission(result *rpc.ProbeResult, err error, dialogue starttls.Dialogue) bool {
	whom := "a client without a certificate"
	if c.client != nil && c.service.asks {
		whom = subject.Of(c.client.Cert)
	}
	switch {
	case errors.Is(err, errUnfinished):
		return c.ok("confirmation", "not tried: QEMU would take a finished handshake for the migration, and the waiting guest would be lost")
	case err == nil:
		text := "the server admits " + whom
		if _, silent := dialogue.(starttls.Bare); silent {
			text += fmt.Sprintf(": it keeps the connection for %v", silence)
		}
		if wants := dialogue.Wants(); wants != "" {
			text += ", and wants " + wants
		}
		return c.ok("confirmation", "%s", text)
	case errors.Is(err, rpc.ErrClientRefused):
		step := Step{Name: "confirmation", Side: serverSide, Text: "the server closed the connection instead of accepting " + whom, Likely: c.whyTurnedAway(result)}
		return c.no("refused", step)
	}
	return c.no("no-answer", Step{Name: "confirmation", Side: serverSide, Text: bare(err), Fix: "is it a " + c.service.what + "? Does the guest hang?"})
}

// whyTurnedAway lists the reasons for which QEMU may have refused the client.
func (c visit) whyTurnedAway(result *rpc.ProbeResult) []Reason {
	const log = "on the server: see the guest's log in /var/log/libvirt/qemu"
	if !c.service.asks {
		return []Reason{{Text: "it does not speak this protocol within TLS, or has ended", Fix: log}}
	}
	if c.client == nil {
		return []Reason{{Sure: result.ClientAsked, Text: "the client sent no certificate, and the server demands one", Fix: fixNoPair(c.connection)}}
	}
	all := c.whyByCertificate(result)
	return append(all,
		Reason{Text: "the CRL there (ca-crl.pem) revokes it", Fix: "on the server: virtpki crl show /etc/pki/qemu/ca-crl.pem"},
		Reason{Text: "the server's clock is wrong", Fix: "on the server: date"},
		Reason{Text: "its key usage or purpose is not one of a client's", Fix: "virtpki show " + termtext.ShellWord(c.client.CertPath)},
		Reason{Text: "another reason, which only the server's log shows", Fix: log})
}

// stepDemand is a second connection, without a certificate.
func (c visit) stepDemand(ctx context.Context) bool {
	client := c.client
	c.client = nil
	req := c.requestFor(c.service.dialogue())
	c.client = client
	_, err := rpc.Probe(ctx, req)
	switch {
	case errors.Is(err, rpc.ErrClientRefused):
		c.report.Demands = "yes"
		return c.ok("demand", "the server demands a client certificate: it refuses a connection without one")
	case err == nil:
		c.report.Demands = "no"
		return c.ok("demand", "the server demands no client certificate: it admits a connection without one")
	}
	return c.ok("demand", "virtpki could not see whether the server demands a client certificate: %s", bare(err))
}
