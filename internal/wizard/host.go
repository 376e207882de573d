package wizard

import (
	"context"
	"slices"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/inventory"
	"virtpki/internal/libvirt"
	"virtpki/internal/prompt"
	"virtpki/internal/subject"
)

// hostTopic asks for this host: its names, its daemon, QEMU.
type hostTopic struct{ *wizard }

func (w hostTopic) questions() []question {
	return []question{
		{id: "hostname", title: "This host", applies: w.makesPair, ask: w.askHostname, shown: func() string { return w.Hostname }},
		{id: "names", title: "Names found", uses: []string{"hostname"}, applies: w.offersNames, ask: w.askNames, shown: func() string {
			return orNone(strings.Join(w.kept(), ", "))
		}},
		{id: "more", title: "More names", applies: w.makesServer, ask: w.askMore, shown: func() string { return orNone(strings.Join(w.more, ", ")) }},
		{id: "daemon", title: "Daemon", applies: w.wantsDaemon, ask: w.askDaemon, shown: func() string { return w.Daemon }},
		{id: "qemu", title: "For QEMU", applies: w.hasQEMU, ask: w.askQEMU, shown: func() string { return orNone(strings.Join(w.Uses, ", ")) }},
	}
}

func (w hostTopic) makesServer() bool { return w.server.Cert == nil }
func (w hostTopic) makesPair() bool {
	return w.server.Cert == nil || w.client.Cert == nil && w.CanSign()
}

func (w hostTopic) askHostname(ctx context.Context) error {
	w.Say("The name of this host comes first in its certificates. The machine's own host name is the best choice.")
	preset := w.Hostname
	if preset == "" && len(w.machine) > 0 {
		preset = w.machine[0]
	}
	name, err := w.Line(ctx, prompt.Question{Message: "Name of this host", Preset: preset, Check: func(name string) error {
		return hint.First(subject.CheckHost(name), subject.CheckClient(name))
	}})
	if err == nil {
		w.Hostname = name
		w.offer()
	}
	return err
}

// offer finds the other names of the host. A name that was left out of the same list before
// stays left out.
func (w hostTopic) offer() {
	names, err := w.ServerNames(w.Hostname, nil, w.Live(), false, w.machine)
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
func (w *Answers) kept() []string {
	var kept []string
	for i, name := range w.offered {
		if w.chosen[i] {
			kept = append(kept, name)
		}
	}
	return kept
}

func (w hostTopic) offersNames() bool { return w.makesServer() && len(w.offered) > 0 }

func (w hostTopic) askNames(ctx context.Context) error {
	w.Say("A client accepts the server only under a name or an address in its certificate. Besides %s, this machine has these.", w.Hostname)
	chosen, err := w.MultiSelect(ctx, "Which ones may clients use?", w.offered, w.chosen)
	if err == nil {
		w.chosen = chosen
	}
	return err
}

func (w hostTopic) askMore(ctx context.Context) error {
	w.Say("Add the other names and addresses that clients and hosts use: a name in the DNS, an address behind a NAT, the address in the network for migrations. Clients refuse the server under a name that is missing here.")
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

// listed returns the words of an answer, with spaces or commas between them.
func listed(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// Inventory lists the users of TLS here, as they were when the wizard looked.
func (w *Answers) Inventory() *inventory.List { return inventory.Look(w.Machine, w.daemons) }

// wantsDaemon reports whether the wizard has to ask which daemon to configure. It does not if
// one daemon serves TLS here, or may.
func (w hostTopic) wantsDaemon() bool {
	list := w.Inventory()
	if w.Daemon == "" {
		w.Daemon = list.Server().Name
	}
	return len(list.Serving()) != 1
}

// confPath returns the path of a daemon's configuration file.
func (w *Answers) confPath(name string) string {
	d, err := w.Inventory().Named(name)
	if err != nil {
		return ""
	}
	return w.Path(d.ConfPath)
}

// daemonWords describe each daemon.
var daemonWords = map[string]string{
	"libvirtd":   "libvirtd: one daemon for all (Debian, Ubuntu)",
	"virtproxyd": "virtproxyd: modular daemons (Fedora, RHEL 9)",
}

func (w hostTopic) askDaemon(ctx context.Context) error {
	w.Say("Which daemon listens for TLS on this host?")
	names := libvirt.DaemonNames()
	options := make([]string, len(names))
	preset := 0
	for i, name := range names {
		options[i] = daemonWords[name]
		if name == w.Daemon {
			preset = i
		}
	}
	choice, err := w.Select(ctx, "Which daemon?", options, preset)
	if err == nil {
		w.Daemon = names[choice]
	}
	return err
}

// hasQEMU reports whether guests run here, or may: QEMU has a user.
func (w hostTopic) hasQEMU() bool {
	_, err := w.QEMUUser()
	return err == nil
}

// useWords describe each use that QEMU has for certificates.
var useWords = map[string]string{
	libvirt.DefaultQEMU: "migration, and everything without its own directory",
	"vnc":               "VNC consoles",
	"spice":             "SPICE consoles",
	"chardev":           "serial consoles over TCP",
	"migrate":           "migration alone",
	"nbd":               "disks over NBD",
	"backup":            "backups over NBD",
}

func (w hostTopic) askQEMU(ctx context.Context) error {
	w.Say("QEMU reads its own certificates for migration, consoles and disks. libvirt uses each of its directories that exists.")
	var options []string
	var preset []bool
	for _, use := range libvirt.QEMUUses() {
		options = append(options, use.Name+": "+useWords[use.Name])
		there := w.Tree().Exists(use.Layout(w.Path(w.Sysconfdir)).Base)
		preset = append(preset, slices.Contains(w.Uses, use.Name) || w.Uses == nil && there)
	}
	chosen, err := w.MultiSelect(ctx, "Which QEMU services should use TLS?", options, preset)
	if err != nil {
		return err
	}
	w.Uses = []string{}
	for i, use := range libvirt.QEMUUses() {
		if chosen[i] {
			w.Uses = append(w.Uses, use.Name)
		}
	}
	return nil
}
