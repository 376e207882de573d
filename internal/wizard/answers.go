package wizard

import (
	"slices"
	"strings"

	"virtpki/internal/authority"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/machine"

	"virtpki/dn"
)

// The sources of the CA.
const (
	caMake = iota
	caImport
	caElsewhere
)

// Who may connect.
const (
	accessNamed = iota // the clients that have a certificate, each by the DN
	accessAnyone
	accessPatterns
	accessKeep // the list in the configuration file
)

// Renewer is the program that runs renew.
type Renewer int

// The renewers.
const (
	RenewSystemd Renewer = iota
	RenewCron
	RenewNobody
)

// How the daemon is restarted at the end.
const (
	restartNot = iota
	restartSystemd
	restartCommand
)

// Answers are the findings and the answers. When a question is put again, it offers the answer
// that was given before.
type Answers struct {
	*machine.Machine      // with the CA's directory that was chosen
	Given            bool // the flags give the passphrase of the CA's key
	found

	source     int // caMake…
	Files      authority.ImportFiles
	Imported   *authority.Import // read by the questions of an import
	name       string
	Passphrase string

	Hostname string
	offered  []string // names found, for the next
	chosen   []bool
	more     []string
	Daemon   string
	Uses     []string // of QEMU's; nil until answered

	Clients []string
	Out     string // the directory for their bundles
	CALife  string
	Life    string

	access      int // accessNamed…
	accessKnown bool
	existing    []string
	admitted    []bool // of existing
	patterns    []string
	rewrite     bool // patterns are to be put again from the first

	RenewBy        Renewer
	renewalKnown   bool
	Binary         string // the path of virtpki on the machine that runs renew; empty for this program
	PassphraseFile string
	restart        int // restartNot…
	command        string
}

// SANs returns the names that the server has besides its own and, unless only is set, besides
// those that are found here.
func (w *Answers) SANs() (sans []string, only bool) {
	if only = slices.Contains(w.chosen, false); only {
		for i, name := range w.offered {
			if w.chosen[i] {
				sans = append(sans, name)
			}
		}
	}
	return append(sans, w.more...), only
}

// Allowed returns the patterns for the clients that may connect. issued reports whether to
// admit all clients that the CA has signed before as well.
func (w *Answers) Allowed() (patterns []string, issued bool) {
	switch w.access {
	case accessPatterns:
		return w.patterns, false
	case accessNamed:
		for _, c := range w.candidates() {
			if !c.exists {
				patterns = append(patterns, dn.Exact(c.dn))
			}
		}
		if len(w.existing) > 0 && !slices.Contains(w.admitted, false) {
			return patterns, true
		}
		for _, name := range w.admittedNames() {
			patterns = append(patterns, dn.Exact(name))
		}
	}
	return patterns, false
}

// NewCA returns the organisation of the new CA; empty if no CA is made.
func (w *Answers) NewCA() string {
	if w.ca == nil && w.source == caMake {
		return w.name
	}
	return ""
}

// OtherDaemon returns the daemon to configure, unless it is the one that serves TLS here
// anyway.
func (w *Answers) OtherDaemon() string {
	if w.Daemon == w.Inventory().Server().Name {
		return ""
	}
	return w.Daemon
}

// MakesClients reports whether bundles are made for clients.
func (w *Answers) MakesClients() bool { return len(w.Clients) > 0 && w.CanSign() }

// MakesRenewal reports whether files that run renew are to be made.
func (w *Answers) MakesRenewal() bool { return w.renewing == "" && w.RenewBy != RenewNobody }

// RenewalPlace returns the place for those files: a directory for units, or a crontab.
func (w *Answers) RenewalPlace() string {
	if w.RenewBy == RenewCron {
		return w.cronFile()
	}
	return w.unitFolder()
}

// Runs reports whether a daemon was running when the wizard looked.
func (w *Answers) Runs(name string) bool {
	return slices.ContainsFunc(w.daemons, func(r running.Daemon) bool { return r.Daemon.Name == name })
}

// URI returns the URI that a client on another machine types. It has the fullest name of the
// server's certificate: the existing one, or the one to be made for name and dns.
func (w *Answers) URI(name string, dns []string) string {
	if w.server.Cert != nil {
		dns = w.server.Cert.DNSNames
	}
	if full := slices.IndexFunc(dns, func(name string) bool { return strings.Contains(name, ".") && !strings.HasPrefix(name, "*") }); full >= 0 {
		name = dns[full]
	}
	return "qemu+tls://" + name + "/system"
}
