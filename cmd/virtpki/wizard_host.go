package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/authority"
	"virtpki/internal/hint"
	"virtpki/internal/inventory"
	"virtpki/internal/libvirt"
	"virtpki/internal/prompt"
	"virtpki/internal/provision"
	"virtpki/internal/subject"
)

var hostQuestions = []question{
	{id: "hostname", title: "This host", applies: (*wizard).makesPair, ask: (*wizard).askHostname, shown: func(w *wizard) string { return w.hostname }},
	{id: "names", title: "Names found", uses: []string{"hostname"}, applies: (*wizard).offersNames, ask: (*wizard).askNames, shown: func(w *wizard) string {
		return orNone(strings.Join(w.kept(), ", "))
	}},
	{id: "more", title: "More names", applies: (*wizard).makesServer, ask: (*wizard).askMore, shown: func(w *wizard) string { return orNone(strings.Join(w.more, ", ")) }},
	{id: "daemon", title: "Daemon", applies: (*wizard).wantsDaemon, ask: (*wizard).askDaemon, shown: func(w *wizard) string { return w.daemon }},
	{id: "qemu", title: "For QEMU", applies: (*wizard).hasQEMU, ask: (*wizard).askQEMU, shown: func(w *wizard) string { return orNone(strings.Join(w.uses, ", ")) }},
}

func (w *wizard) makesServer() bool { return w.server.Cert == nil }
func (w *wizard) makesPair() bool   { return w.server.Cert == nil || w.client.Cert == nil && w.canSign() }

func (w *wizard) askHostname(ctx context.Context) error {
	w.Say("The name of this host comes first in its certificates. It is best the one that the machine itself goes by.")
	preset := w.hostname
	if preset == "" && len(w.machine) > 0 {
		preset = w.machine[0]
	}
	name, err := w.Line(ctx, prompt.Question{Message: "Name of this host", Preset: preset, Check: func(name string) error {
		return hint.First(subject.CheckHost(name), subject.CheckClient(name))
	}})
	if err == nil {
		w.hostname = name
		w.offer()
	}
	return err
}

// offer finds what else the host is called. What was left out of the same list
// before stays left out.
func (w *wizard) offer() {
	names, err := w.g.ServerNames(w.hostname, nil, w.g.Live(), false, w.machine)
	if err != nil {
		names = subject.Names{} // the plan will say so
	}
	before := make(map[string]bool)
	for _, name := range w.kept() {
		before[name] = true
	}
	had := len(w.offered)
	w.offered, w.chosen = nil, nil
	for _, name := range append(names.Found.DNS, ipTexts(names)...) {
		w.offered = append(w.offered, name)
		w.chosen = append(w.chosen, had == 0 || before[name])
	}
}

// ipTexts are the addresses that were found, as text.
func ipTexts(names subject.Names) []string {
	var texts []string
	for _, ip := range names.Found.IPs {
		texts = append(texts, ip.String())
	}
	return texts
}

// kept are the names that were found and not left out.
func (r *replies) kept() []string {
	var kept []string
	for i, name := range r.offered {
		if r.chosen[i] {
			kept = append(kept, name)
		}
	}
	return kept
}

func (w *wizard) offersNames() bool { return w.makesServer() && len(w.offered) > 0 }

func (w *wizard) askNames(ctx context.Context) error {
	w.Say("A client takes the server only by a name or an address that its certificate holds. Besides %s, these were found here.", w.hostname)
	chosen, err := w.MultiSelect(ctx, "Which may be used?", w.offered, w.chosen)
	if err == nil {
		w.chosen = chosen
	}
	return err
}

func (w *wizard) askMore(ctx context.Context) error {
	w.Say("By what else do clients and other hosts call it? A name in the DNS, an address behind a NAT, that of the network for migrations: what is missing here is refused later.")
	text, err := w.Line(ctx, prompt.Question{Message: "More names and addresses", Preset: strings.Join(w.more, " "), Optional: true, Check: func(text string) error {
		var names subject.Names
		for _, name := range listed(text) {
			if err := names.Add(name); err != nil {
				return err
			}
		}
		return nil
	}})
	if err == nil {
		w.more = listed(text)
	}
	return err
}

// listed are the words of an answer, with spaces or commas between them.
func listed(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// inventory lists what uses TLS here, as it was when the wizard looked.
func (w *wizard) inventory() *inventory.List { return inventory.Look(w.g.Machine, w.daemons) }

// wantsDaemon reports whether what is to be configured is not plain to see: one daemon
// serves TLS here, or may.
func (w *wizard) wantsDaemon() bool {
	list := w.inventory()
	if w.daemon == "" {
		w.daemon = list.Server().Name
	}
	return len(list.Serving()) != 1
}

// confPath is the conf of a daemon.
func (w *wizard) confPath(name string) string {
	d, err := w.inventory().Named(name)
	if err != nil {
		return ""
	}
	return w.g.Path(d.ConfPath)
}

// daemonWords say what each daemon is.
var daemonWords = map[string]string{
	"libvirtd":   "libvirtd: one daemon for all (Debian, Ubuntu)",
	"virtproxyd": "virtproxyd: modular daemons (Fedora, RHEL 9)",
}

func (w *wizard) askDaemon(ctx context.Context) error {
	w.Say("Who listens for TLS on this host?")
	names := libvirt.DaemonNames()
	options := make([]string, len(names))
	preset := 0
	for i, name := range names {
		options[i] = daemonWords[name]
		if name == w.daemon {
			preset = i
		}
	}
	choice, err := w.Select(ctx, "Which daemon?", options, preset)
	if err == nil {
		w.daemon = names[choice]
	}
	return err
}

// hasQEMU reports whether guests run here, or may: QEMU has a user.
func (w *wizard) hasQEMU() bool {
	_, err := w.g.QEMUUser()
	return err == nil
}

// useWords say what QEMU needs certificates for.
var useWords = map[string]string{
	libvirt.DefaultQEMU: "migration, and all that has no folder of its own",
	"vnc":               "VNC consoles",
	"spice":             "SPICE consoles",
	"chardev":           "serial consoles over TCP",
	"migrate":           "migration alone",
	"nbd":               "disks over NBD",
	"backup":            "backups over NBD",
}

func (w *wizard) askQEMU(ctx context.Context) error {
	w.Say("QEMU reads certificates of its own, for what it does itself. A folder that is there makes libvirt use it.")
	var options []string
	var preset []bool
	for _, use := range libvirt.QEMUUses() {
		options = append(options, use.Name+": "+useWords[use.Name])
		there := w.g.Tree().Exists(use.Layout(w.g.Path(w.g.Sysconfdir)).Base)
		preset = append(preset, slices.Contains(w.uses, use.Name) || w.uses == nil && there)
	}
	chosen, err := w.MultiSelect(ctx, "What shall QEMU use TLS for?", options, preset)
	if err != nil {
		return err
	}
	w.uses = []string{}
	for i, use := range libvirt.QEMUUses() {
		if chosen[i] {
			w.uses = append(w.uses, use.Name)
		}
	}
	return nil
}

var clientQuestions = []question{
	{id: "clients", title: "Clients", applies: (*wizard).canSign, ask: (*wizard).askClients, shown: func(w *wizard) string { return orNone(strings.Join(w.clients, ", ")) }},
	{id: "out", title: "Their bundles", uses: []string{"clients"}, applies: func(w *wizard) bool { return w.canSign() && len(w.clients) > 0 }, ask: (*wizard).askOut, shown: func(w *wizard) string { return w.out }},
	{id: "open", title: "Passphrase", uses: []string{"ca", "folder"}, applies: (*wizard).opensCA, ask: (*wizard).askOpen, shown: func(*wizard) string { return "given" }},
	{id: "life", title: "Certificates live", applies: (*wizard).signs, ask: (*wizard).askLife, shown: func(w *wizard) string { return w.life }},
}

func (w *wizard) askClients(ctx context.Context) error {
	w.Say("Who is to connect to this host? Each gets a certificate, and a bundle of files to carry to their machine. (This host has one too, for itself and for migrations.)")
	text, err := w.Line(ctx, prompt.Question{Message: "Names, such as alice bob (empty: nobody yet)", Preset: strings.Join(w.clients, " "), Optional: true, Check: func(text string) error {
		if len(listed(text)) == 0 {
			return nil
		}
		return w.checkClients(listed(text))
	}})
	if err == nil {
		w.clients = listed(text)
	}
	return err
}

// checkClients checks names as issue does.
func (w *wizard) checkClients(names []string) error {
	o := fromFlags(w.e, bindIssue)
	o.out, o.layout = ".", "pkipath"
	r, err := o.request(string(subject.Client), names)
	if err == nil {
		_, err = r.Deliveries(w.g.Machine)
	}
	return err
}

func (w *wizard) askOut(ctx context.Context) error {
	w.Say("Each bundle is a folder of its own in this one. It holds a private key: carry it over safely, then delete it here.")
	preset := w.out
	if preset == "" {
		preset = "bundles"
	}
	out, err := w.Line(ctx, prompt.Question{Message: "Folder for the bundles", Preset: preset, Check: func(out string) error {
		if out == "" {
			return errors.New("no folder is named")
		}
		for _, name := range w.clients {
			if err := provision.RefuseFolder(filepath.Join(out, name)); err != nil {
				return err
			}
		}
		return nil
	}})
	if err == nil {
		w.out = out
	}
	return err
}

// opensCA reports whether the CA that was found has to be opened.
func (w *wizard) opensCA() bool {
	return w.ca != nil && w.signs() && w.wantsPassphrase(w.ca.Layout.Path(libvirt.CAKey))
}

func (w *wizard) askOpen(ctx context.Context) error {
	key := w.ca.Layout.Path(libvirt.CAKey)
	passphrase, err := w.openWith(ctx, key, func(passphrase string) error {
		g := w.g.clone()
		g.passphrase = []byte(passphrase)
		a, err := authority.Open(g.Machine)
		if err == nil {
			err = a.Unlock(w.e.newKeyring(g))
		}
		return err
	})
	if err == nil {
		w.passphrase = passphrase
	}
	return err
}

func (w *wizard) askLife(ctx context.Context) error {
	w.Say("Certificates that are renewed by themselves may live short. One year leaves time where they are not.")
	life, err := w.Line(ctx, prompt.Question{Message: "How long do certificates live? (30d, 1y)", Preset: w.life, Check: checkLife})
	if err == nil {
		w.life = life
	}
	return err
}
