package main

import (
	"slices"
	"virtpki/internal/authority"

	"github.com/spf13/cobra"

	"virtpki/dn"
	"virtpki/internal/libvirt"
)

// Where the CA comes from.
const (
	caMake = iota
	caImport
	caElsewhere
)

// Who may connect.
const (
	accessNamed = iota // whom there is a certificate for, each by the DN
	accessAnyone
	accessPatterns
	accessKeep // the list that the conf has
)

// What runs renew.
const (
	renewSystemd = iota
	renewCron
	renewNobody
)

// How the daemon is restarted at the end.
const (
	restartNot = iota
	restartSystemd
	restartCommand
)

// replies are what was answered. They are kept when a question is put again, and
// offered.
type replies struct {
	source     int // caMake…
	imp        importOptions
	imported   *authority.Import // read by the questions of an import
	name       string
	passphrase string

	hostname string
	offered  []string // names found, for the next
	chosen   []bool
	more     []string
	daemon   string
	uses     []string // of QEMU's; nil until answered

	clients []string
	out     string
	caLife  string
	life    string

	access      int // accessNamed…
	accessKnown bool
	existing    []string
	admitted    []bool // of existing
	patterns    []string
	rewrite     bool // patterns are to be put again from the first

	renewal        int // renewSystemd…
	renewalKnown   bool
	binary         string
	passphraseFile string
	restart        int // restartNot…
	command        string
}

// sans are the names that --san gets, and whether they and the host's are all.
func (r *replies) sans() (sans []string, only bool) {
	if only = slices.Contains(r.chosen, false); only {
		for i, name := range r.offered {
			if r.chosen[i] {
				sans = append(sans, name)
			}
		}
	}
	return append(sans, r.more...), only
}

// allowed are the options for who may connect.
func (w *wizard) allowed() (o configOptions) {
	switch w.access {
	case accessPatterns:
		o.allow = w.patterns
	case accessNamed:
		for _, c := range w.candidates() {
			if !c.exists {
				o.allow = append(o.allow, dn.Exact(c.dn))
			}
		}
		if o.allowIssued = len(w.existing) > 0 && !slices.Contains(w.admitted, false); o.allowIssued {
			break
		}
		for i, name := range w.existing {
			if w.admitted[i] {
				o.allow = append(o.allow, dn.Exact(name))
			}
		}
	}
	return o
}

// fromFlags are the options of a command to which no flag was given.
func fromFlags[T any](e *env, bind func(*env, *globals, *T) *cobra.Command) *T {
	o := new(T)
	bind(e, &globals{Machine: e.here}, o)
	return o
}

// bootOptions are those of bootstrap.
func (w *wizard) bootOptions() *bootstrapOptions {
	o := fromFlags(w.e, bindBootstrap)
	o.hostname, o.caLife, o.configOptions = w.hostname, w.caLife, w.allowed()
	if w.daemon != w.inventory().Server().Name {
		o.daemon = w.daemon
	}
	o.leafOptions.validity = w.life
	o.sans, o.onlySAN = w.sans()
	o.with = w.uses
	if d, err := libvirt.FindDaemon(w.daemon); err == nil {
		o.restart = w.restartLine(d)
	}
	if w.ca == nil && w.source == caMake {
		o.name = w.name
	}
	return o
}

// issueOptions are those of issue client; nil when there are no clients.
func (w *wizard) issueOptions() *issueOptions {
	if len(w.clients) == 0 || !w.canSign() {
		return nil
	}
	o := fromFlags(w.e, bindIssue)
	o.validity, o.out, o.layout = w.life, w.out, "pkipath"
	return o
}

// renewalOptions are those of generate; nil when nothing is to be generated.
func (w *wizard) renewalOptions() *generateOptions {
	if w.renewing != "" || w.renewal == renewNobody {
		return nil
	}
	o := fromFlags(w.e, bindSystemd)
	o.out = w.unitFolder()
	if w.renewal == renewCron {
		o = fromFlags(w.e, bindCron)
		o.out = w.cronFile()
	}
	o.binary = w.binary
	return o
}
