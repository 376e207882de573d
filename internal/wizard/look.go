package wizard

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// found holds the facts that the wizard sees on the machine, and need not ask for.
type found struct {
	ca       *authority.Authority // nil: there is none
	keyless  *authority.Authority // the CA in its place without its key; nil for another
	keyAlone bool                 // a run that made a CA was interrupted
	caKey    string               // absent, plain, encrypted, unreadable
	server   *keypair.Pair
	client   *keypair.Pair
	machine  []string // the machine's names
	daemons  []running.Daemon
	systemd  bool   // it runs here, or will run in this image
	renewing string // the file by which renew runs already
}

// look reads the state of the machine. A machine that bootstrap would refuse is refused before
// the first question.
func (w *Answers) look(ctx context.Context) error {
	if err := w.lookAtCA(); err != nil {
		return err
	}
	if err := w.lookAtPairs(); err != nil {
		return err
	}
	w.machine, _ = w.Names() // without one it is asked
	if w.Live() {
		w.daemons, _ = running.Find(ctx, w.Root, w.Sysconfdir)
	}
	w.systemd = w.Tree().Exists(w.Path("/run/systemd/system")) || !w.Live() && w.Tree().Exists(w.unitFolder())
	enabled := filepath.Join(w.unitFolder(), "timers.target.wants", renewTimer) // a link, to a package's timer perhaps
	for _, file := range []string{enabled, filepath.Join(w.unitFolder(), renewTimer), w.cronFile()} {
		if w.Tree().Exists(file) {
			w.renewing = file
		}
	}
	return nil
}

const renewTimer = "virtpki-renew.timer"

// unitFolder and cronFile are the places of a timer's units and of a cron job.
func (w *Answers) unitFolder() string { return w.Path("/etc/systemd/system") }
func (w *Answers) cronFile() string {
	return w.Path(filepath.Join(w.Sysconfdir, "cron.d", "virtpki"))
}

// lookAtCA finds the CA in the directory that is chosen now.
func (w *Answers) lookAtCA() error {
	a, err := authority.Open(w.Machine)
	w.keyless = nil
	w.ca, w.caKey, w.keyAlone = nil, "", errors.Is(err, authority.ErrKeyAlone)
	if errors.Is(err, authority.ErrNone) || w.keyAlone {
		return nil
	}
	if err != nil {
		return err
	}
	w.ca, w.caKey = a, change.KeyState(w.Tree(), a.Layout.Path(libvirt.CAKey))
	if w.caKey == "absent" && !w.isElsewhere() {
		w.keyless = a
	}
	return nil
}

func (w *Answers) lookAtPairs() (err error) {
	if w.server, err = w.lookAtPair(pki.Server); err != nil {
		return err
	}
	w.client, err = w.lookAtPair(pki.Client)
	return err
}

func (w *Answers) lookAtPair(role pki.Role) (*keypair.Pair, error) {
	p, err := keypair.Load(w.Tree(), w.System(), role)
	if err == nil {
		err = p.KeyMissing()
	}
	return p, err
}

// greet introduces the wizard, and shows its findings.
func (w *wizard) greet() {
	w.Say("TLS for libvirt on this host. Nothing changes before you have seen the plan and agreed to it. %s.", w.Keys())
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, termtext.Sprintf("  "+format, args...)) }
	if w.ca != nil {
		add("%s", w.foundCA())
	}
	for _, p := range []*keypair.Pair{w.server, w.client} {
		if p.Cert != nil {
			add("%s pair: %s until %s", p.Role, subject.Of(p.Cert), termtext.Day(p.Cert.NotAfter))
		}
	}
	for _, d := range w.daemons {
		add("daemon: %s is running", d.Daemon.Name)
	}
	if w.renewing != "" {
		add("renewal: %s", w.renewing)
	}
	if len(lines) > 0 {
		w.Say("Found here, and used as it is:\n%s", termtext.Text(strings.Join(lines, "\n")))
	}
}

// foundCA is a line about the CA.
func (w *Answers) foundCA() string {
	line := fmt.Sprintf("CA: %s until %s in %s", subject.Of(w.ca.CA.Certificate), termtext.Day(w.ca.CA.Certificate.NotAfter), w.ca.Folder)
	switch w.caKey {
	case "absent":
		line += "; its key is not beside it"
	case "encrypted":
		line += "; its key needs a passphrase"
	}
	return line
}

// organization stands for a CA that signs: the one there is, or as much of the
// one to come as a subject needs.
func (w *Answers) organization() *x509.Certificate {
	switch {
	case w.ca != nil:
		return w.ca.CA.Certificate
	case w.Imported != nil:
		return w.Imported.CA.Certificate
	}
	ca := &x509.Certificate{}
	ca.Subject.Organization = []string{w.name}
	return ca
}

// signs reports whether something is to be signed here.
func (w *Answers) signs() bool {
	return w.CanSign() && (w.server.Cert == nil || w.client.Cert == nil || len(w.Clients) > 0 || w.ca != nil && w.ca.CRL == nil)
}

// CanSign reports whether the CA's key is here, or will be.
func (w *Answers) CanSign() bool { return w.caKey != "absent" }
