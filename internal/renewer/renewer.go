package renewer

import (
	"cmp"
	"crypto/x509"
	"path/filepath"
	"strings"

	"virtpki/internal/authority"
	"virtpki/internal/certinfo"
	"virtpki/internal/inventory"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/pki"
)

// By says who renews a certificate. Its values stand in JSON, and are stable.
type By string

// The possible renewers.
const (
	CA      By = "ca"      // virtpki renew, with the CA's key on this machine
	Request By = "request" // virtpki renew --via or --issuer, by a CA elsewhere
	Watch   By = "watch"   // virtpki install --watch, from another program's directory
	Link    By = "link"    // the program that made the link in the file's place
	Nobody  By = "nobody"
)

// facts are the facts that decide who renews a certificate.
type facts struct {
	link     bool   // the certificate or its key is behind a link
	own      bool   // a program reads it from a path of its own
	trusts   bool   // that program trusts the CA that signs
	watched  bool   // a service installs the files of another program
	schedule string // the timer or crontab that runs virtpki renew; empty for none
	via      bool   // it has requests signed, by a command or an issuer
	issuer   bool   // it has them signed by an issuer
	keyHere  bool   // the CA's key is on this machine
	signed   bool   // the CA here has signed the certificate
	flag     string // of renew, for the issuer of this machine; empty for none
}

// who decides who renews, and says it in words.
func (f facts) who() (By, string) {
	switch {
	case f.link:
		return Link, "another program (it made the link)"
	case f.watched && !f.own && !(f.keyHere && f.signed):
		return Watch, "a watched directory (virtpki-watch.service)"
	case f.schedule == "":
		return Nobody, "nobody (virtpki generate systemd" + f.flag + ")"
	case !f.signed:
		return Nobody, "nobody: another CA has signed it"
	case f.own && !f.trusts:
		return Nobody, "nobody: its program does not trust the CA that signs here"
	case f.keyHere:
		return CA, "this CA (" + f.schedule + ")"
	case f.issuer:
		return Request, "an issuer (" + f.schedule + ")"
	case f.via:
		return Request, "a request (" + f.schedule + ")"
	}
	return Nobody, "nobody: the requests do not reach the CA (virtpki renew" + cmp.Or(f.flag, " --via") + ")"
}

// Look holds the facts about a machine.
type Look struct {
	m  *machine.Machine
	a  *authority.Authority // nil if there is none
	of facts                // of the machine, not of a certificate
}

// On returns the facts about a machine.
func On(m *machine.Machine) *Look {
	l := &Look{m: m}
	l.a, _ = authority.Open(m) // an unreadable CA has not signed anything
	l.of.flag = m.RenewFlag()
	l.of.keyHere = m.Tree().Exists(libvirt.CA(m.CAPath()).Path(libvirt.CAKey))
	for _, place := range []struct{ file, runs, name string }{
		{"/etc/systemd/system/timers.target.wants/virtpki-renew.timer", "/etc/systemd/system/virtpki-renew.service", "virtpki-renew.timer"},
		{filepath.Join(m.Sysconfdir, "cron.d/virtpki"), filepath.Join(m.Sysconfdir, "cron.d/virtpki"), filepath.Join(m.Sysconfdir, "cron.d/virtpki")},
	} {
		if l.stands(place.file) && l.of.schedule == "" {
			text := l.read(place.runs)
			l.of.schedule, l.of.issuer = place.name, runs(text, "--issuer")
			l.of.via = l.of.issuer || runs(text, "--via")
		}
	}
	l.of.watched = l.stands("/etc/systemd/system/multi-user.target.wants/virtpki-watch.service")
	return l
}

// stands reports whether a path exists, as a link to a unit too.
func (l *Look) stands(path string) bool {
	_, err := l.m.Tree().Lstat(l.m.Path(path))
	return err == nil
}

// maxUnit is more than a unit or a crontab needs, in bytes.
const maxUnit = 1 << 16

func (l *Look) read(path string) string {
	data, _ := l.m.Tree().ReadFile(l.m.Path(path), maxUnit) // an unreadable file does not run anything
	return string(data)
}

// runs reports whether a unit or a crontab runs virtpki renew with a flag.
func runs(text, flag string) bool {
	for line := range strings.Lines(text) {
		if strings.Contains(line, flag) && strings.Contains(line, " renew ") && !strings.HasPrefix(strings.TrimSpace(line), "#") {
			return true
		}
	}
	return false
}

// who says who renews the certificate of a key pair, by facts about where it lies.
func (l *Look) who(cert *x509.Certificate, p Pair, f facts) (By, string) {
	f.signed = l.a != nil && l.a.HasSigned(cert)
	for _, path := range []string{p.Path, p.key} {
		if _, err := l.m.Tree().Readlink(path); err == nil {
			f.link = true
		}
	}
	return f.who()
}

// Pair is an installed certificate with its renewer; its JSON form is stable.
type Pair struct {
	Path string `json:"path"`
	By   By     `json:"by"`
	Text string `json:"text"`

	key         string // path of its key
	fingerprint string // as [certinfo.Info] has it
}

// Brief is the text without the unit that does it, and without a reason.
func (p Pair) Brief() string {
	text, _, _ := strings.Cut(p.Text, " (")
	text, _, _ = strings.Cut(text, ":")
	return text
}

// Installed says who renews each certificate of libvirt and QEMU on a machine, also at paths of a
// program's own.
func Installed(m *machine.Machine) []Pair {
	l := On(m)
	all := []Pair{}
	for _, layout := range systemLayouts(m) {
		for _, role := range []pki.Role{pki.Server, pki.Client} {
			all = l.add(all, Pair{Path: layout.Path(libvirt.CertFile(string(role))), key: layout.Path(libvirt.KeyFile(string(role)))}, l.of)
		}
	}
	own, _ := inventory.Look(m, nil).OwnPairs() // check and renew report what cannot be read
	for _, p := range own {
		all = l.add(all, Pair{Path: m.Path(p.Cert), key: m.Path(p.Key)}, l.ofOwn(p))
	}
	return all
}

// add adds a pair with its renewer, if its certificate can be read; check and renew report others.
func (l *Look) add(all []Pair, p Pair, f facts) []Pair {
	certs, err := keypair.ReadCerts(l.m.Tree(), p.Path)
	if err != nil {
		return all
	}
	p.By, p.Text = l.who(certs[0], p, f)
	p.fingerprint = certinfo.Of(certs[0], p.Path, l.m.Now()).Fingerprint
	return append(all, p)
}

// ofOwn returns the facts about a pair at a path of a program's own.
func (l *Look) ofOwn(p inventory.OwnPair) facts {
	f := l.of
	f.own = true
	cas, err := keypair.ReadCertsIfThere(l.m.Tree(), l.m.Path(p.CA))
	if err != nil || l.a == nil {
		return f
	}
	f.trusts = keypair.Contains(cas, l.a.CA.Certificate) || !f.keyHere && keypair.ContainsAny(cas, l.a.Certificates)
	return f
}

// systemLayouts returns the layouts of the daemons and of QEMU, without the user's own.
func systemLayouts(m *machine.Machine) (layouts []libvirt.Layout) {
	own := make(map[string]bool)
	for _, layout := range m.Layouts() {
		own[layout.Base] = layout.Base != m.System().Base
	}
	for _, layout := range m.AllLayouts() {
		if !own[layout.Base] {
			layouts = append(layouts, layout)
		}
	}
	return layouts
}

// Mark adds to a list who renews the installed certificates. The list has one at a path of a
// program's own by the CA's record of it.
func Mark(m *machine.Machine, list certinfo.List) {
	for _, pair := range Installed(m) {
		for i := range list {
			if list[i].Path == pair.Path || list[i].Fingerprint == pair.fingerprint && list[i].RenewedBy == "" {
				list[i].RenewedBy, list[i].Renewer = string(pair.By), pair.Text
			}
		}
	}
}
