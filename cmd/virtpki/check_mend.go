package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/pki"
)

// needsCAKey are the commands that sign.
var needsCAKey = []string{"renew", "crl", "ca", "issue", "bootstrap"}

// mend is the command that mends a finding on this machine: the judge's own, with the
// flags that lead to the same files, or what has to be done elsewhere.
func (c *checker) mend(f judge.Finding) string {
	mend := cmp.Or(c.mendByID(f), f.Mend)
	rest, ours := strings.CutPrefix(mend, "virtpki ")
	if !ours {
		return mend
	}
	command, _, _ := strings.Cut(rest, " ")
	switch {
	case !slices.Contains(needsCAKey, command) || c.signsHere() && c.o.pkipath == "":
		return "virtpki " + c.g.sameFiles() + rest
	case command == "crl":
		return "copy it from where the CA's key is; virtpki crl makes it there"
	case command == "renew" && c.o.pkipath == "":
		return "virtpki " + c.g.sameFiles() + rest + " --via 'ssh CA virtpki sign - --yes', where CA is the host with the CA's key"
	case c.o.pkipath != "":
		return "where the CA's key is: virtpki issue client NAME --out DIR --layout pkipath"
	}
	return "where the CA's key is: virtpki issue host NAME --out DIR, and copy it here"
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
	layout := c.g.system()
	switch f.ID {
	case "no-ca":
		if c.waits(judge.Server) || c.waits(judge.Client) {
			return "it comes with the answer to the request that waits here (virtpki install)"
		}
		if !c.signsHere() && f.File == layout.Path(libvirt.CACert) {
			return "copy it here from where your CA is; where there is none yet, virtpki bootstrap makes everything"
		}
	case "no-crl", "crl-file-gone":
		if !store.Exists(layout.Path(libvirt.CACRL)) {
			return cmp.Or(c.mendOf("crl-name"), "virtpki crl")
		}
	}
	if strings.HasPrefix(f.ID, "crl-") && f.Level == judge.Error && f.Stage == judge.Own && f.File == layout.Path(libvirt.CACRL) && c.signsHere() {
		return fmt.Sprintf("bring it back from a backup; rm %s && virtpki %scrl begins one that has forgotten whom it revoked", judge.Quote(f.File), c.g.sameFiles())
	}
	for _, role := range []judge.Role{judge.Server, judge.Client} {
		cert, key := layout.Path(libvirt.CertFile(string(role))), layout.Path(libvirt.KeyFile(string(role)))
		if f.File == cert || f.File == key {
			return c.mendPair(f, role, cert, key)
		}
	}
	return ""
}

// mendOf is the judge's command for another finding, empty where there is none.
func (c *checker) mendOf(id string) string {
	for _, a := range c.areas {
		for _, f := range a.found {
			if f.ID == id {
				return f.Mend
			}
		}
	}
	return ""
}

// mendPair makes a pair of the system's tree anew. renew keeps the names and the shape
// of the certificate, so it is no help where there is none, or where those are wrong.
func (c *checker) mendPair(f judge.Finding, role judge.Role, cert, key string) string {
	issue := fmt.Sprintf("virtpki %sissue %s %s", c.g.sameFiles(), role, c.hostName())
	_, unreadable := pki.ParseCertificates(c.file(cert).Data)
	switch {
	case f.ID == "validate-access":
		return "" // a mode: a new pair has the same
	case f.Level == judge.Note && !strings.HasPrefix(f.ID, "no-"), f.Level == judge.Warning && f.ID != "name-missing" && f.Stage != judge.Own:
		return ""
	case !c.signsHere() && (unreadable != nil || f.ID == "name-missing" || strings.HasPrefix(f.ID, "cert-usage")):
		return c.mendByRequest(role, cert, key, unreadable)
	case strings.HasPrefix(f.ID, "no-"):
		return strings.Replace(issue, c.g.sameFiles(), "", 1)
	case f.ID == "name-missing":
		return fmt.Sprintf("mv %s %[1]s.old && mv %s %[2]s.old && %s", judge.Quote(cert), judge.Quote(key), issue)
	case unreadable != nil, strings.HasPrefix(f.ID, "cert-usage"): // renew keeps the shape
		return fmt.Sprintf("rm -rf %s %s && %s", judge.Quote(cert), judge.Quote(key), issue)
	}
	return "virtpki renew --force"
}

// mendByRequest makes a pair whose key stays here, where the CA's key is on another
// machine. A certificate that cannot be read is in the way of that.
func (c *checker) mendByRequest(role judge.Role, cert, key string, unreadable error) string {
	if unreadable != nil && !store.Exists(cert) && c.waits(role) {
		return fmt.Sprintf("virtpki request %s prints the request that waits for its answer: virtpki sign where the CA's key is, virtpki install its answer", role)
	}
	words := fmt.Sprintf("request %s %s --out %[1]s.csr, virtpki sign where the CA's key is, virtpki install its answer", role, c.hostName())
	if unreadable != nil && store.Exists(cert) {
		return fmt.Sprintf("rm -rf %s %s && virtpki %s%s", judge.Quote(cert), judge.Quote(key), c.g.sameFiles(), words)
	}
	return "virtpki " + words
}

// waits reports whether a key waits here for a certificate that was requested.
func (c *checker) waits(role judge.Role) bool {
	return store.Exists(c.g.system().Path(libvirt.PendingFile(string(role))))
}

func (c *checker) hostName() string {
	if len(c.machine.Names) > 0 {
		return judge.Quote(c.machine.Names[len(c.machine.Names)-1])
	}
	return "NAME"
}
