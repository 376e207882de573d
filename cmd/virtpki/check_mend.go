package main

import (
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
)

// needsCAKey are the commands that sign.
var needsCAKey = []string{"renew", "crl", "ca", "issue", "bootstrap"}

// mend is the command that mends a finding on this machine: the judge's own, with the
// flags that lead to the same files, or what has to be done elsewhere.
func (c *checker) mend(f judge.Finding) string {
	mend := f.Mend
	if mend == "" {
		mend = c.mendByID(f)
	}
	rest, ours := strings.CutPrefix(mend, "virtpki ")
	if !ours {
		return mend
	}
	command, _, _ := strings.Cut(rest, " ")
	if slices.Contains(needsCAKey, command) && !c.signsHere() {
		return "where the CA's key is: virtpki issue host NAME --out DIR, and copy it here"
	}
	return "virtpki " + c.g.sameFiles() + rest
}

// signsHere reports whether the CA's key is on this machine.
func (c *checker) signsHere() bool {
	return store.Exists(libvirt.CA(c.g.caFolder()).Path(libvirt.CAKey))
}

// sameFiles are the flags with which another run of virtpki works on the same files;
// a space at the end where there are any.
func (g *globals) sameFiles() string {
	var flags []string
	if !g.thisMachine() {
		flags = append(flags, "--root", judge.Quote(g.root))
	}
	if g.sysconfdir != defaultSysconfdir() {
		flags = append(flags, "--sysconfdir", judge.Quote(g.sysconfdir))
	}
	if g.ca != "" {
		flags = append(flags, "--ca", judge.Quote(g.ca))
	}
	return strings.TrimPrefix(strings.Join(append(flags, ""), " "), " ")
}

// mendByID knows the commands for what the judge has no command for, because it
// depends on what else is here.
func (c *checker) mendByID(f judge.Finding) string {
	inSystem := strings.HasPrefix(f.File, filepath.Join(c.g.system().Base, "pki", "libvirt")+"/")
	switch {
	case f.ID == "no-crl":
		return "virtpki crl"
	case !inSystem:
		return ""
	case f.ID == "no-server-pair":
		return "virtpki issue server " + c.hostName()
	case f.ID == "no-client-pair":
		return "virtpki issue client " + c.hostName()
	}
	return ""
}

func (c *checker) hostName() string {
	if len(c.machine.Names) > 0 {
		return judge.Quote(c.machine.Names[len(c.machine.Names)-1])
	}
	return "NAME"
}
