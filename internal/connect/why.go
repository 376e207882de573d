package connect

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"virtpki/dn"
	"virtpki/internal/inspect"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/rpc"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
)

// whyNobody returns the fix for a port on which nobody listens.
func (c *connection) whyNobody(result *rpc.ProbeResult, here []running.Daemon) string {
	if c.service != nil {
		return c.service.listen
	}
	for _, d := range here {
		if d.Address == "" {
			return fmt.Sprintf("%s runs here and does not listen for TLS: %s; or start it with --listen, without systemd's sockets", d.Daemon.Name, d.Daemon.StartTLS())
		}
	}
	if len(here) > 0 {
		return fmt.Sprintf("%s here listens on %s", here[0].Daemon.Name, here[0].Address)
	}
	if !c.distant && os.Geteuid() == 0 && slices.ContainsFunc(result.Addresses, c.isOwn) {
		return "no daemon runs here: systemctl enable --now libvirtd-tls.socket (or virtproxyd-tls.socket)"
	}
	return fmt.Sprintf("on the server: %s (or the same for virtproxyd); check the port, %d, and the firewall", libvirt.Daemons()[0].StartTLS(), libvirt.TLSPort)
}

// whyNoTLS tells a server without TLS from one with which TLS fails.
func (c *connection) whyNoTLS(ctx context.Context, result *rpc.ProbeResult, err error) (verdict string, step Step) {
	step = Step{Name: "tls", Side: serverSide, Text: bare(err)}
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &header):
		step.Text, step.Fix = c.whoAnswers(header.RecordHeader[:])
		return "no-tls", step
	case isSilent(err) && c.plain(ctx, result):
		step.Text = "it is libvirt without TLS"
		step.Fix = fmt.Sprintf("port %d is plain TCP; TLS uses port %d", libvirt.TCPPort, libvirt.TLSPort)
		return "no-tls", step
	case errors.Is(err, context.DeadlineExceeded):
		step.Text = "the connection is accepted, but the other end sends nothing"
		step.Fix = "on the server: systemctl status libvirtd. systemd accepts connections for a daemon that does not start, and a daemon at max_clients or max_anonymous_clients makes new ones wait"
		return "tls-failed", step
	case isSilent(err):
		step.Text = "the other end closed the connection before TLS began: " + bare(err)
		step.Fix = "on the server: journalctl -u libvirtd. Daemons that are stopping, or have a tls_priority that GnuTLS refuses, do that"
		return "tls-failed", step
	}
	step.Fix = fixAlert(err)
	return "tls-failed", step
}

// driverSocket matches the socket of a driver's own daemon, to which virtproxyd forwards.
var driverSocket = regexp.MustCompile(`\b(virt[a-z]{1,16}d)-sock\b`)

// fixOpen returns the fix for a driver that does not open, by the server's words. libvirtd has
// the drivers in it; virtproxyd forwards to the daemon of each, and cannot tell the one that
// stands in it, test, who the client is (libvirt, src/remote/remote_daemon_dispatch.c).
func fixOpen(text string) string {
	const no = "TLS works; this is about the driver: "
	if m := driverSocket.FindStringSubmatch(text); m != nil {
		return no + "virtproxyd there forwards to " + m[1] + ", which does not run; on the server: systemctl enable --now " + m[1] + ".socket"
	}
	if strings.Contains(text, "virConnectSetIdentity") {
		return no + "virtproxyd there does not open test:///default; use a driver with a running daemon, such as qemu+tls://HOST/system"
	}
	return no + "check that the server has that driver and that its daemon runs; test:///default is almost always available"
}

// isSilent reports whether the other side hung up.
func isSilent(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// plain reports whether libvirt's protocol is spoken on the port without TLS.
func (c *connection) plain(ctx context.Context, result *rpc.ProbeResult) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return rpc.SpeaksPlain(ctx, result.Remote.String())
}

// whoAnswers names a protocol by the bytes with which it begins.
func (c *connection) whoAnswers(head []byte) (text, fix string) {
	fix = fmt.Sprintf("TLS uses port %d, unless tls_port in the server's libvirtd.conf sets another", libvirt.TLSPort)
	if c.service != nil {
		fix = c.service.listen
	}
	switch text := string(head); {
	case strings.HasPrefix(text, "SSH-") && c.service == nil:
		return fmt.Sprintf("an SSH server answers on port %d", c.uri.Port), termtext.ShellWord("qemu+ssh://"+c.uri.Host+"/system") + " connects by SSH and needs no certificates; " + fix
	case strings.HasPrefix(text, "SSH-"):
		return fmt.Sprintf("an SSH server answers on port %d", c.uri.Port), fix
	case strings.HasPrefix(text, "HTTP"):
		return fmt.Sprintf("a web server without TLS answers on port %d", c.uri.Port), fix
	case strings.HasPrefix(text, "RFB "):
		return fmt.Sprintf("a VNC server answers on port %d", c.uri.Port), "virtpki check --connect " + termtext.ShellWord("vnc://"+c.uri.Address())
	case strings.HasPrefix(text, "REDQ"):
		return fmt.Sprintf("SPICE without TLS answers on port %d", c.uri.Port), "the port with TLS is tlsPort in virsh dumpxml GUEST"
	case strings.HasPrefix(text, "NBDMA"):
		return fmt.Sprintf("an NBD server answers on port %d", c.uri.Port), "virtpki check --connect " + termtext.ShellWord("nbds://"+c.uri.Address())
	}
	return fmt.Sprintf("the program on port %d does not speak TLS: it begins with %q", c.uri.Port, head), fix
}

// fixAlert returns the fix for a handshake that one side has ended.
func fixAlert(err error) string {
	switch text := err.Error(); {
	case strings.Contains(text, "protocol version"):
		return "the two sides have no TLS version in common (here 1.2 and 1.3): check tls_priority on both sides"
	case strings.Contains(text, "handshake failure"), strings.Contains(text, "insufficient"):
		return "the two sides have no cipher or signature in common (virsh knows Ed448, virtpki does not), or the server has no certificate: check its tls_priority and its log"
	}
	return "see the server's log: journalctl -u libvirtd, and /var/log/libvirt/qemu for guests"
}

// whyRefused lists the reasons for which a server may have refused the client, since libvirt
// does not tell the client. If the daemon is here, its own files show the reason.
func (c *connection) whyRefused(result *rpc.ProbeResult, here []running.Daemon) []Reason {
	if d := c.asked(here); d != nil {
		return c.whyHere(*d)
	}
	if c.client == nil {
		return []Reason{{Sure: result.ClientAsked, Text: "the client sent no certificate, and libvirt admits nobody without one", Fix: fixNoPair(c)}}
	}
	all := c.whyByCertificate(result)
	name := subject.Of(c.client.Cert)
	return append(all,
		Reason{Text: fmt.Sprintf("tls_allowed_dn_list there does not admit %s", name), Fix: fmt.Sprintf("on the server: virtpki dn match --conf /etc/libvirt/libvirtd.conf --dn %s", termtext.ShellWord(name))},
		Reason{Text: "the CRL there revokes it", Fix: "on the server: virtpki crl show"},
		Reason{Text: "the server's clock is wrong", Fix: "on the server: date"},
		Reason{Text: "another reason, which only the server's log shows", Fix: "on the server: journalctl -u libvirtd -u virtproxyd; or run this command there, as root"})
}

// whyByCertificate lists the reasons that the client's certificate shows, and those that the
// list of CAs from the server shows.
func (c *connection) whyByCertificate(result *rpc.ProbeResult) []Reason {
	var all []Reason
	if issuers := issuersOf(result.ClientCAs); len(issuers) > 0 && !slices.Contains(issuers, subject.IssuerOf(c.client.Cert)) {
		all = append(all, Reason{Sure: true, Text: fmt.Sprintf("the server accepts clients of %s, and this one has a certificate of %s", strings.Join(issuers, "; "), subject.IssuerOf(c.client.Cert)),
			Fix: "use a certificate from the CA that the server trusts"})
	}
	if c.m.Now().After(c.client.Cert.NotAfter) {
		all = append(all, Reason{Sure: true, Text: "the client's certificate has expired", Fix: "issue a new one"})
	}
	return all
}

// issuersOf words the CAs of which a server takes clients.
func issuersOf(subjects [][]byte) []string {
	var names []string
	for _, der := range subjects {
		if name, err := dn.FromRDNSequence(der); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// whyHere returns why a daemon of this machine refuses the client, by its own files.
func (c *connection) whyHere(d running.Daemon) []Reason {
	var all []Reason
	add := func(r *Reason) {
		if r != nil {
			all = append(all, *r)
		}
	}
	if c.client == nil {
		add(&Reason{Sure: true, Text: "the client sent no certificate, and libvirt admits nobody without one", Fix: fixNoPair(c)})
		return all
	}
	for _, f := range c.judgedHere(d) {
		if refuses(f) {
			add(c.reasonHere(d, f))
		}
	}
	switch {
	case len(all) == 0:
		add(&Reason{Text: fmt.Sprintf("the files of %s do not show a reason: it may have read other files when it started", d.Daemon.Name), Fix: "journalctl -u " + d.Daemon.Service})
	case d.ConfChanged:
		add(&Reason{Text: fmt.Sprintf("%s has changed since %s started, and the daemon still uses the old version", d.ConfPath, d.Daemon.Name), Fix: "restart it: systemctl restart " + d.Daemon.Service})
	}
	return all
}

// judgedHere returns a daemon's findings about the client, if the daemon runs on this machine:
// by its files, and by the list in its configuration file.
func (c *connection) judgedHere(d running.Daemon) []judge.Finding {
	peer := judge.Peer{CA: &judge.File{}, CRL: &judge.File{Err: fs.ErrNotExist}}
	*peer.CA = inspect.File(store.At(d.Root), filepath.Join(d.Root, d.Files.CA))
	if d.Files.CRL != "" {
		*peer.CRL = inspect.File(store.At(d.Root), filepath.Join(d.Root, d.Files.CRL))
	}
	if list, ok := d.Conf.Lookup(libvirt.AllowedDNs); ok {
		peer.DNList = append([]string{}, list.List()...)
	}
	return judge.InSession(c.set, peer, c.release, c.m.Now())
}

// reasonHere words a finding of the daemon here. For a list, it names the pattern that comes
// near.
func (c *connection) reasonHere(d running.Daemon, f judge.Finding) *Reason {
	r := &Reason{Sure: true, Text: f.File + ": " + f.Text + c.clockNote(f), Fix: fixOf(c, f)}
	if f.ID != "dn-refused" {
		return r
	}
	name := subject.Of(c.client.Cert)
	r.Text = fmt.Sprintf("%s in %s does not admit %s", libvirt.AllowedDNs, d.ConfPath, name)
	list, _ := d.Conf.Lookup(libvirt.AllowedDNs)
	if misses := dn.Explain(name, list.List(), dn.Glob); len(misses) > 0 {
		r.Text += fmt.Sprintf(" (%s is close: %s)", termtext.Quote(misses[0].Pattern), misses[0].Reason)
	}
	r.Fix = fixList(d, list.List(), dn.Exact(name))
	return r
}

// fixList returns the command that adds a pattern to a list: it replaces the old list.
func fixList(d running.Daemon, list []string, pattern string) string {
	restart := "systemctl restart " + d.Daemon.Service
	if len(list) > 4 {
		return fmt.Sprintf("add %s to %s in %s; then %s", termtext.ShellWord(pattern), libvirt.AllowedDNs, d.ConfPath, restart)
	}
	command := "virtpki config " + d.Daemon.Name
	for _, p := range append(slices.Clone(list), pattern) {
		command += " --allow-dn " + termtext.ShellWord(p)
	}
	return command + " --apply && " + restart
}
