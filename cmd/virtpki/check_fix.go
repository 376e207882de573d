package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/authority"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// needsCAKey are the commands that sign.
var needsCAKey = []string{"renew", "crl", "ca", "issue", "bootstrap"}

// fix is the command that fixes a finding on this machine: the judge's own, with the
// flags that lead to the same files, or what has to be done elsewhere.
func (c *checker) fix(f judge.Finding) string {
	fix := cmp.Or(c.fixByID(f), f.Fix)
	rest, ours := strings.CutPrefix(fix, "virtpki ")
	if flags := c.g.Flags(); !ours || flags != "" && strings.HasPrefix(rest, flags) {
		return fix
	}
	command, _, _ := strings.Cut(rest, " ")
	switch {
	case f.ID == "cert-revoked" && (!c.signsHere() || c.o.pkipath != ""):
		return c.fixRevoked(f, rest)
	case !slices.Contains(needsCAKey, command) || c.signsHere() && c.o.pkipath == "":
		return "virtpki " + c.g.Flags() + rest
	case command == "crl":
		return "copy it from where the CA's key is; virtpki crl makes it there"
	case command == "ca":
		return "where the CA's key is: virtpki " + rest + "; then copy the CA file with the new CA here, before the old one ends"
	case command == "renew" && c.o.pkipath == "":
		return "virtpki " + c.g.Flags() + rest + c.viaCA(f)
	case c.o.pkipath != "":
		return c.issueElsewhere(f)
	}
	with := ""
	if _, uses, ok := strings.Cut(rest, " --with "); ok {
		with = " --with " + uses
	}
	return fmt.Sprintf("where the CA's key is: virtpki issue host %s%s --out DIR, and copy it here", cmp.Or(c.nameOf(judge.Server), "NAME"), with)
}

// whereCA explains the name CA in a command, as a comment, so that the whole line can be typed.
const whereCA = " # CA is the host with the CA's key"

// viaCA has the CA elsewhere sign. A host that has lost its key cannot prove its name by
// it: the CA's administrator has to say that the name is its own still.
func (c *checker) viaCA(f judge.Finding) string {
	role := flatRole(f.File)
	if f.File != c.g.System().Path(libvirt.KeyFile(string(role))) {
		return " --via 'ssh CA virtpki sign - --yes'" + whereCA
	}
	via := termtext.ShellWord("ssh CA virtpki sign - --yes --replace " + cmp.Or(c.nameOf(role), "NAME"))
	return fmt.Sprintf(" --via %s%s, whose administrator lets a new key have the name", via, whereCA)
}

// issueElsewhere makes the pair of a folder for ?pkipath= anew.
func (c *checker) issueElsewhere(f judge.Finding) string {
	role := flatRole(f.File)
	return fmt.Sprintf("where the CA's key is: virtpki issue %s %s --out DIR --layout pkipath", role, cmp.Or(c.nameOf(role), "NAME"))
}

// fixRevoked is about a certificate that was revoked by a CA whose key is elsewhere.
// sign answers whoever was shut out only where the CA's administrator says so.
func (c *checker) fixRevoked(f judge.Finding, rest string) string {
	if c.o.pkipath != "" {
		return c.issueElsewhere(f) + ", where its owner is to get in again"
	}
	return "virtpki " + c.g.Flags() + rest + " --via 'ssh CA virtpki sign - --yes --after-revocation'" + whereCA + ", whose administrator lets this host in again"
}

// signsHere reports whether the CA's key is on this machine.
func (c *checker) signsHere() bool {
	return c.g.Tree().Exists(libvirt.CA(c.g.CAPath()).Path(libvirt.CAKey))
}

// fixByID knows the commands for what the judge has no command for, because it
// depends on what else is here.
func (c *checker) fixByID(f judge.Finding) string {
	layout := c.g.System()
	if c.needsCAFirst(f) {
		return fmt.Sprintf("first bring back the CA's certificate, or its key (%s)", libvirt.CA(c.g.CAPath()).Path(libvirt.CAKey))
	}
	switch f.ID {
	case "no-ca":
		return c.fixNoCA(f)
	case "ca-key-mismatch":
		return "copy back the CA's certificate, which each host and each bundle of this CA has; or, where the key was replaced, the key from a backup"
	case "not-readable":
		if os.Geteuid() != 0 && c.o.pkipath == "" && flatRole(f.File) == judge.Client {
			return "have a pair of your own in ~/.pki/libvirt (where the CA's key is, virtpki issue client with your name makes it), or have root make this one readable to you"
		}
	case "half-pair":
		if c.o.pkipath != "" {
			return c.issueElsewhere(f)
		}
	case "name-missing":
		if use := c.uses[filepath.Dir(f.File)]; use != "" {
			return c.fixQEMUPair(libvirt.QEMUFolder(filepath.Dir(f.File)), use)
		}
	case "no-crl", "crl-file-gone":
		if !c.g.Tree().Exists(layout.Path(libvirt.CACRL)) {
			return cmp.Or(c.fixOf("crl-name"), "virtpki crl")
		}
	}
	if strings.HasPrefix(f.ID, "crl-") && (f.Level == judge.Error || f.ID == "crl-foreign" && f.Level == judge.Warning) && f.Stage == judge.Own && f.File == layout.Path(libvirt.CACRL) && c.signsHere() {
		return fmt.Sprintf("bring it back from a backup; %svirtpki %scrl begins one that has forgotten whom it revoked", c.aside(f.File), c.g.Flags())
	}
	for _, role := range []judge.Role{judge.Server, judge.Client} {
		cert, key := layout.Path(libvirt.CertFile(string(role))), layout.Path(libvirt.KeyFile(string(role)))
		if f.File == cert || f.File == key {
			return c.fixPair(f, role, cert, key)
		}
	}
	return ""
}

// fixQEMUPair has a folder of QEMU's filled again, with the pairs that are in it aside.
func (c *checker) fixQEMUPair(layout libvirt.Layout, use string) string {
	bootstrap := "virtpki bootstrap --with " + use
	if !c.signsHere() {
		return bootstrap
	}
	old := c.aside(layout.Path(libvirt.ServerCert), layout.Path(libvirt.ServerKey))
	return old + "virtpki " + c.g.Flags() + strings.TrimPrefix(bootstrap, "virtpki ")
}

// fixNoCA is about a CA's certificate that is not there.
func (c *checker) fixNoCA(f judge.Finding) string {
	switch use := c.asked[f.File]; {
	case use != "":
		return "virtpki bootstrap --with " + use
	case c.o.pkipath != "":
		return "copy the CA's certificate into this folder; virtpki ca export writes it where the CA is"
	case f.File != c.g.System().Path(libvirt.CACert):
	case c.waits(judge.Server) || c.waits(judge.Client):
		return "it comes with the answer to the request that waits here (virtpki install)"
	case !c.signsHere():
		return "copy it here from where your CA is; where there is none yet, virtpki bootstrap makes everything"
	default:
		return "copy it back, for its key is here still: each host and each bundle of this CA has it"
	}
	return ""
}

// needsCAFirst reports whether the CA that would fix something cannot sign, because
// its certificate and its key do not belong together.
func (c *checker) needsCAFirst(f judge.Finding) bool {
	system := c.g.System()
	ours := []string{system.Path(libvirt.CACert), system.Path(libvirt.CACRL), system.Path(libvirt.ServerCert), system.Path(libvirt.ClientCert)}
	return (strings.HasPrefix(f.ID, "issuer-") || f.ID == "crl-foreign") && f.Level != judge.Note && c.o.pkipath == "" &&
		slices.Contains(ours, f.File) && len(c.caKey()) > 0
}

// fixOf is the judge's command for another finding, empty where there is none.
func (c *checker) fixOf(id string) string {
	for _, a := range c.areas {
		for _, f := range a.found {
			if f.ID == id {
				return f.Fix
			}
		}
	}
	return ""
}

// fixPair makes a pair of the system's tree anew, where the judge has that in mind.
func (c *checker) fixPair(f judge.Finding, role judge.Role, cert, key string) string {
	_, unreadable := pki.ParseCertificates(c.file(cert).Data)
	missing := strings.HasPrefix(f.ID, "no-")
	reissue := f.Level == judge.Error || f.Stage == judge.Own || strings.HasPrefix(f.Fix, "virtpki issue ") || f.Fix == "virtpki renew"
	switch {
	case f.ID == "validate-access":
		return "" // a mode: a new pair has the same
	case !reissue && !missing && f.ID != "name-missing", f.ID == "key-unchecked":
		return ""
	case f.ID == "half-pair" && c.strayFor(f.File) != "":
		return c.strayFor(f.File)
	case !c.signsHere() && (unreadable != nil || keptByRenewal(f.ID)):
		return c.fixByRequest(role, cert, key, unreadable)
	case missing, unreadable != nil, keptByRenewal(f.ID), !c.renewable(role, cert):
		return c.fixByIssue(f, role, cert, key)
	case f.Level != judge.Error && f.Fix == "virtpki renew":
		return f.Fix
	}
	return "virtpki renew --force"
}

// keptByRenewal reports whether renew keeps what a finding is about: the names, the
// subject and the shape of a certificate.
func keptByRenewal(id string) bool {
	switch id {
	case "name-missing", "cert-is-ca", "cert-constraints-broken":
		return true
	}
	return strings.HasPrefix(id, "subject-") || strings.HasPrefix(id, "cert-usage") || strings.HasPrefix(id, "cert-purpose")
}

// strayFor is the command that moves a file to the place where it is missing; empty
// where none lies about.
func (c *checker) strayFor(path string) string {
	for _, a := range c.areas {
		for _, f := range a.found {
			if f.ID == "misplaced" && strings.HasSuffix(f.Fix, " "+termtext.ShellWord(path)) {
				return f.Fix
			}
		}
	}
	return ""
}

// aside is the beginning of a command that first moves what stands at some paths out of
// the way, each beside itself under a name that is free: nothing is ever removed.
func (c *checker) aside(paths ...string) string {
	var moves strings.Builder
	for _, path := range paths {
		if !c.stands(path) {
			continue
		}
		old := path + ".old"
		for n := 2; c.stands(old); n++ {
			old = fmt.Sprintf("%s.old%d", path, n)
		}
		fmt.Fprintf(&moves, "mv %s %s && ", termtext.ShellWord(path), termtext.ShellWord(old))
	}
	return moves.String()
}

// stands reports whether anything is at a path, a link that leads nowhere included.
func (c *checker) stands(path string) bool {
	_, err := c.g.Tree().Lstat(path)
	return err == nil
}

// renewable reports whether renew goes by the names of a certificate: not by those of
// one that another CA has made, or for another role, where the CA's key is here.
func (c *checker) renewable(role judge.Role, cert string) bool {
	certs, err := pki.ParseCertificates(c.file(cert).Data)
	if err != nil || !c.signsHere() {
		return true
	}
	a, _, err := authority.Read(c.g.Machine)
	return err != nil || a.Granted(certs[0]) && slices.Contains(pki.RolesOf(certs[0]), pki.Role(role))
}

// fixByIssue makes a pair here, and moves aside what is in the way of it.
func (c *checker) fixByIssue(f judge.Finding, role judge.Role, cert, key string) string {
	issue := fmt.Sprintf("virtpki %sissue %s", c.g.Flags(), role)
	name := c.nameOf(role)
	switch {
	case name == "" && strings.HasPrefix(f.ID, "no-"):
		return fmt.Sprintf("make a pair with this host's name (%s)", issue)
	case name == "":
		return fmt.Sprintf("move %s and %s aside, and make a pair with this host's name (%s)", cert, key, issue)
	case strings.HasPrefix(f.ID, "no-"):
		return fmt.Sprintf("virtpki issue %s %s", role, name)
	}
	return fmt.Sprintf("%s%s %s", c.aside(cert, key), issue, name)
}

// fixByRequest makes a pair whose key stays here, where the CA's key is on another
// machine. A certificate that cannot be read is in the way of that; the key beside it
// stays, and proves whose name it is.
func (c *checker) fixByRequest(role judge.Role, cert, key string, unreadable error) string {
	if unreadable != nil && !c.g.Tree().Exists(cert) && c.waits(role) {
		ours := "virtpki " + c.g.Flags()
		return fmt.Sprintf("%srequest %s | ssh CA virtpki sign - --yes | %sinstall -%s; the key of this request waits here already", ours, role, ours, whereCA)
	}
	name, request := c.nameOf(role), fmt.Sprintf("virtpki %srequest %s", c.g.Flags(), role)
	if name == "" {
		return fmt.Sprintf("%srequest a pair with this host's name (%s), virtpki sign where the CA's key is, virtpki install its answer", c.moveAside(cert, unreadable), request)
	}
	aside, flags, sign := "", "", "ssh CA virtpki sign - --yes"
	if unreadable != nil {
		aside, flags = c.aside(cert), " --same-key"
		if _, err := pki.ParseKey(c.file(key).Data, nil); err != nil {
			aside, flags = c.aside(cert, key), ""
		}
		if aside != "" && flags == "" {
			sign += " --replace " + name
		}
	}
	return fmt.Sprintf("%s%s %s%s | %s | virtpki %sinstall -%s", aside, request, name, flags, sign, c.g.Flags(), whereCA)
}

// moveAside is aside in words.
func (c *checker) moveAside(cert string, unreadable error) string {
	if unreadable == nil || !c.stands(cert) {
		return ""
	}
	return fmt.Sprintf("move %s aside, ", cert)
}

// waits reports whether a key waits here for a certificate that was requested.
func (c *checker) waits(role judge.Role) bool {
	return c.g.Tree().Exists(c.g.System().Path(libvirt.PendingFile(string(role))))
}
