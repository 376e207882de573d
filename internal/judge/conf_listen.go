package judge

import (
	"fmt"
	"strings"

	"virtpki/dn"
	"virtpki/internal/gnutls"
	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
)

// listening checks whether the daemon listens for TLS, and in only one way (libvirt,
// docs/daemons.rst; src/remote/remote_daemon.c).
func (j *confJudge) listening() {
	wants, set := j.number("listen_tls")
	on := wants == 1 || !set && j.Daemon.ListenTLS
	d := j.Daemon
	switch {
	case len(j.Sockets) > 0 && j.listens():
		j.say("listen-and-socket", Error, j.dropListen(),
			"%s in %s together with the socket %s: systemd passes the daemon a socket, and the daemon exits with status 6", j.Listen, j.ListenFile, units(j.Sockets))
	case j.Socket != "":
		j.ignoredBySocket()
	case j.listens() && !on:
		j.say("listen-off", Warning, j.mute("listen_tls"), "listen_tls = 0: the daemon does not listen for TLS although it is started with --listen")
	case j.listens():
	case j.Answers != "" && j.Systemd:
		j.say("listens-by-hand", Note, "systemctl enable "+d.TLSSocket, // the port is taken today
			"the running daemon accepts clients at %s, but %s is not enabled%s: the daemon would not listen if systemd started it", j.Answers, d.TLSSocket, j.orListen())
	case j.Systemd && (set && on || d.ListenTLS && j.Exists(j.Layout.Path(libvirt.ServerCert)) && j.Exists("/usr/lib/systemd/system/"+d.TLSSocket)):
		j.say("nobody-listens", Warning, j.enableSocket(),
			"the daemon does not listen for TLS: %s is not enabled%s", d.TLSSocket, j.orListen())
	}
}

// enableSocket makes systemd open the port, which it does only while the daemon is stopped.
func (j *confJudge) enableSocket() string {
	d := j.Daemon
	if j.Root != "/" { // no daemon of an image runs
		return fmt.Sprintf("systemctl --root=%s enable %s", termtext.ShellWord(j.Root), d.TLSSocket)
	}
	return d.StartTLS()
}

// dropListen removes --listen from the daemon's arguments, if it stands there, and makes systemd
// open the port if it does not yet.
func (j *confJudge) dropListen() string {
	if !strings.Contains(j.Listen, "--listen") {
		return ""
	}
	drop := "sed -i 's/ *--listen//' " + termtext.ShellWord(j.ListenFile)
	if j.Socket == "" {
		drop += " && " + j.enableSocket()
	}
	return drop
}

// units names socket units in words.
func units(names []string) string {
	if len(names) == 1 {
		return "unit " + names[0]
	}
	return "units " + strings.Join(names, ", ")
}

func (j *confJudge) orListen() string {
	if j.Daemon.ListenTLS {
		return ", and --listen is not passed"
	}
	return ""
}

// ignoredBySocket reports settings that have no effect because systemd opens the sockets.
func (j *confJudge) ignoredBySocket() {
	for _, name := range []string{"listen_tls", "tls_port", "listen_addr"} {
		v, set := j.conf.Lookup(name)
		if !set || name == "listen_tls" && v.Int() == 1 {
			continue
		}
		j.say("socket-decides", Note, j.mute(name), "%s has no effect: %s opens the port", name, j.Daemon.TLSSocket)
	}
}

// priority checks tls_priority: a daemon starts with any value, but no client can connect if GnuTLS
// refuses the value.
func (j *confJudge) priority() {
	priority, ok := j.text("tls_priority")
	if !ok || priority == "" {
		return
	}
	if err := gnutls.CheckPriority(priority, j.Priorities); err != nil {
		j.say("tls-priority", Error, j.mute("tls_priority"), "tls_priority: %v: the daemon starts, and every client is refused", err)
		j.inSession()
	}
}

// checks reports settings that switch checks off.
func (j *confJudge) checks() {
	if n, ok := j.number("tls_no_verify_certificate"); ok && n == 1 {
		j.say("no-verify", Warning, j.mute("tls_no_verify_certificate"), "tls_no_verify_certificate = 1: every client is admitted, with any certificate or none; the DN list and the CRL are ignored")
		j.inSession()
	}
	if n, ok := j.number("tls_no_sanity_certificate"); ok && n == 1 {
		j.say("no-sanity", Warning, j.mute("tls_no_sanity_certificate"), "tls_no_sanity_certificate = 1: the daemon starts even with files that no client accepts; a reload still checks them")
	}
	if v, ok := j.text("auth_tls"); ok && v == "sasl" {
		j.say("auth-sasl", Note, "", "auth_tls = \"sasl\": a certificate alone is not enough, the daemon also asks for a SASL user")
		j.inSession()
	}
}

// list checks tls_allowed_dn_list.
func (j *confJudge) list() {
	value, ok := j.conf.Lookup(libvirt.AllowedDNs)
	if !ok {
		return
	}
	patterns := value.List()
	for _, advice := range dn.Lint(patterns) {
		j.advice(advice)
	}
	if _, in := dn.Compile(patterns, dn.Glob).Match(j.Client); j.Client == "" || in || len(patterns) == 0 {
		return
	}
	j.say("dn-locks-out", Warning, fmt.Sprintf("virtpki config %s --apply%s", j.Daemon.Name, allowFlags(append(patterns, dn.Exact(j.Client)))),
		"line %d: %s does not admit the client certificate installed here, %s", j.conf.Line(libvirt.AllowedDNs), libvirt.AllowedDNs, j.Client)
	j.inSession()
}

func allowFlags(patterns []string) string {
	var b strings.Builder
	for _, p := range patterns {
		b.WriteString(" --allow-dn " + termtext.ShellWord(p))
	}
	return b.String()
}

// advice turns the findings of dn lint into findings of the judge. libvirt silently accepts a
// pattern that matches no name.
func (j *confJudge) advice(a dn.Advice) {
	id, level := "dn-pattern", Warning
	switch {
	case a.ID == "empty-list":
		id, level = "dn-list-empty", Error
	case a.Severity == dn.Note:
		level = Note
	}
	text := fmt.Sprintf("line %d: %s", j.conf.Line(libvirt.AllowedDNs), a.Reason)
	if a.Index >= 0 {
		text = fmt.Sprintf("line %d: %q: %s", j.conf.Line(libvirt.AllowedDNs), a.Pattern, a.Reason)
	}
	j.say(id, level, j.fixPattern(a), "%s", text)
	j.inSession()
}

func (j *confJudge) fixPattern(a dn.Advice) string {
	switch {
	case a.ID == "empty-list":
		return j.mute(libvirt.AllowedDNs)
	case a.Fix == "":
		return ""
	}
	value, _ := j.conf.Lookup(libvirt.AllowedDNs)
	patterns := append([]string{}, value.List()...)
	patterns[a.Index] = a.Fix
	return fmt.Sprintf("virtpki config %s --apply%s", j.Daemon.Name, allowFlags(patterns))
}
