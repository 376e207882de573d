package inventory

import (
	"fmt"
	"slices"
	"strings"

	"virtpki/dn"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
)

// StillAdmitted returns an error if the list of DNs of a daemon on this machine admits a client
// under its previous DN and refuses it under the new one. A daemon that does not listen for TLS
// refuses nobody.
func (l *List) StillAdmitted(before, after string) error {
	for _, d := range l.Daemons {
		if d.Listening == Silent || !d.admits(before) || d.admits(after) {
			continue
		}
		return hint.With(fmt.Errorf("%s in %s admits %s and refuses %s", libvirt.AllowedDNs, d.ConfPath, before, after),
			"add %s to %s in %s and restart %s", termtext.ShellWord(dn.Exact(after)), libvirt.AllowedDNs, d.ConfPath, d.Name)
	}
	return nil
}

// Refusing returns the steps that admit some new clients, by their DNs, if the list of a daemon
// here refuses them. A daemon that does not listen for TLS refuses nobody.
func (l *List) Refusing(clients []string) (steps []string) {
	for _, d := range l.Daemons {
		refused := slices.DeleteFunc(slices.Clone(clients), d.admits)
		if d.Listening != Silent && len(refused) > 0 {
			steps = append(steps, termtext.Sprintf("admit %s, which %s in %s refuses: %s", strings.Join(refused, " and "), libvirt.AllowedDNs, d.ConfPath, d.admitting(l.host.Flags(), refused)))
		}
	}
	return steps
}

// longList is the largest number of entries in a list for which virtpki writes a command.
const longList = 8

// admitting returns the command after which a daemon's list admits more names. flags make it work
// on this machine's files.
func (d *Daemon) admitting(flags string, names []string) string {
	list, _ := d.Conf.Lookup(libvirt.AllowedDNs)
	all := list.List()
	for _, name := range names {
		all = append(all, dn.Exact(name))
	}
	if len(all) > longList {
		return fmt.Sprintf("add it there, and restart %s", d.Name)
	}
	command := "virtpki " + flags + "config " + d.Name + " --apply"
	for _, entry := range all {
		command += " --allow-dn " + termtext.ShellWord(entry)
	}
	return command
}

// admits reports whether a daemon's list contains a name, or the daemon has no readable list.
func (d *Daemon) admits(name string) bool {
	if d.ConfErr != nil {
		return true
	}
	list, ok := d.Conf.Lookup(libvirt.AllowedDNs)
	if !ok {
		return true
	}
	_, in := dn.Compile(list.List(), dn.Glob).Match(name)
	return in
}
