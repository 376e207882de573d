package inventory

import (
	"fmt"

	"virtpki/dn"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
)

// StillAdmitted returns an error where a daemon of this machine has a list of DNs that
// admits a client under its DN of before and refuses it under another. A daemon that does
// not listen for TLS refuses nobody.
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

// admits reports whether a daemon's list has a name in it, or there is none that can be
// read.
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
