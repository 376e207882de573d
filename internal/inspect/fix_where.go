package inspect

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
)

// needsCAKey are the commands that sign, and so need the CA's key.
var needsCAKey = []string{"renew", "crl", "ca", "issue", "bootstrap"}

// whereItSigns adds to a command of virtpki the flags that lead to the same files. If the CA's key
// is elsewhere, a command that signs becomes the step to take there.
func (x *fixer) whereItSigns(f judge.Finding, fix string) string {
	rest, ours := strings.CutPrefix(fix, "virtpki ")
	if !ours || x.flags != "" && strings.HasPrefix(rest, x.flags) {
		return fix
	}
	command, _, _ := strings.Cut(rest, " ")
	signsHere := x.signs && !x.folder
	switch {
	case f.ID == "cert-revoked" && !signsHere:
		return x.afterRevocation(f, rest)
	case !slices.Contains(needsCAKey, command) || signsHere:
		return "virtpki " + x.flags + rest
	case !x.issuer.None() && !x.folder:
		return x.byIssuer(f, command, rest)
	case command == "crl":
		return "copy it from where the CA's key is; virtpki crl makes it there"
	case command == "ca":
		return whereKey + "virtpki " + rest + "; then copy the new CA file here, before the old CA expires"
	case command == "renew" && !x.folder:
		return x.unreadableKeysAside() + "virtpki " + x.flags + rest + x.viaCA(f)
	case x.folder:
		return x.remade(f)
	}
	with := ""
	if _, uses, ok := strings.Cut(rest, " --with "); ok {
		with = " --with " + uses
	}
	return fmt.Sprintf(whereKey+"virtpki issue host %s%s --out DIR, and copy it here", cmp.Or(x.name(judge.Server), "NAME"), with)
}

// byIssuer turns a command that signs into one that has this machine's issuer sign. A service
// asks nobody who owns a name, and signs for a host after its certificate was revoked.
func (x *fixer) byIssuer(f judge.Finding, command, rest string) string {
	_, uses, with := strings.Cut(rest, " --with ")
	switch {
	case x.beyondVault(f):
		return ""
	case command == "renew":
		return x.unreadableKeysAside() + "virtpki " + x.flags + rest + " " + x.issuer.Flag()
	case command == "crl":
		return x.issuerCRL("")
	case command == "ca":
		return "write the new root's fingerprint into the hosts' issuer files, replace the root at the CA, then run: virtpki " + x.flags + "renew --force " + x.issuer.Flag()
	case with:
		return "virtpki " + x.flags + "bootstrap " + x.issuer.Flag() + " --with " + uses
	}
	return "virtpki " + x.flags + "bootstrap " + x.issuer.Flag()
}

// beyondVault reports whether the issuer cannot make a certificate without a fault: Vault makes no
// critical purposes.
func (x *fixer) beyondVault(f judge.Finding) bool {
	return f.ID == "purpose-not-critical" && x.issuer.Kind == "vault"
}

// issuerCRL returns the command that installs the issuer's CRL, after another command.
func (x *fixer) issuerCRL(before string) string {
	return fmt.Sprintf("%s%s <%s | virtpki %sinstall -", before, x.issuer.Filter(), termtext.ShellWord(x.system.Path(libvirt.CACert)), x.flags)
}

// whereKey begins a step that has to be taken on the host with the CA's key.
const whereKey = "where the CA's key is: "

// importKey returns the command that brings the CA's key here from another place of this machine,
// if one of the fixes needs it.
func (x *fixer) importKey(found []judge.Finding) string {
	needs := func(f judge.Finding) bool {
		return strings.HasPrefix(f.Fix, whereKey) || strings.Contains(f.Fix, whereCA)
	}
	cacert := x.system.Path(libvirt.CACert)
	if x.signs || x.folder || !x.exists(cacert) || !slices.ContainsFunc(found, needs) {
		return ""
	}
	return fmt.Sprintf("virtpki %sca import --cert %s --key FILE", x.flags, termtext.ShellWord(cacert))
}

// whereCA explains the name CA in a command, as a comment, so that the whole line can be typed.
const whereCA = " # CA is the host with the CA's key"

// unreadableKeys returns the roles of this machine's pairs with a key that virtpki cannot read:
// encrypted, of another format, or of a type that Go does not know.
func (x *fixer) unreadableKeys() []judge.Role {
	return slices.DeleteFunc([]judge.Role{judge.Server, judge.Client}, func(role judge.Role) bool {
		key := x.system.Path(libvirt.KeyFile(string(role)))
		return !x.stands(key) || x.keyError(key) == nil
	})
}

// unreadableKeysAside begins a command that renews without the CA's key. To the CA, renew proves
// with the live key that this host owns its name: it stops at a key that it cannot read, and goes
// on without one.
func (x *fixer) unreadableKeysAside() string {
	var keys []string
	for _, role := range x.unreadableKeys() {
		keys = append(keys, x.system.Path(libvirt.KeyFile(string(role))))
	}
	return x.aside(keys...)
}

// viaCA makes the CA on another host sign. A host that has lost its key cannot prove that it owns
// its name: the CA's administrator has to confirm it.
func (x *fixer) viaCA(f judge.Finding) string {
	lost := x.unreadableKeys()
	if role := roleOf(f.File); f.File == x.system.Path(libvirt.KeyFile(string(role))) && !slices.Contains(lost, role) {
		lost = append(lost, role)
	}
	if len(lost) == 0 {
		sign, comment := x.askCA("")
		return " --via " + termtext.ShellWord(sign) + comment
	}
	replaces := ""
	for _, role := range lost {
		if replace := replaceThere(cmp.Or(x.name(role), "NAME")); !strings.Contains(replaces+" ", replace+" ") {
			replaces += replace
		}
	}
	sign, comment := x.askCA(replaces)
	return " --via " + termtext.ShellWord(sign) + remark(comment, "the CA's administrator must allow the new key")
}

// replaceThere returns the flag that allows the holder of a name another key, for the CA's host. name
// is quoted for the shell there. ssh passes the text on, and so the shell here reads the quotes first.
func replaceThere(name string) string { return " --replace " + termtext.ShellWord(name) }

// afterRevocation is about a certificate that was revoked by a CA with its key elsewhere. sign
// refuses a revoked host unless the CA's administrator allows it.
func (x *fixer) afterRevocation(f judge.Finding, rest string) string {
	if x.folder {
		return x.remade(f)
	}
	if !x.issuer.None() {
		return x.byIssuer(f, "renew", rest)
	}
	sign, comment := x.askCA(" --after-revocation")
	return x.unreadableKeysAside() + "virtpki " + x.flags + rest + " --via " + termtext.ShellWord(sign) + remark(comment, "the CA's administrator must admit this host again")
}

// roleOf returns the role of a file by its name.
func roleOf(path string) judge.Role {
	if strings.HasPrefix(filepath.Base(path), "server") {
		return judge.Server
	}
	return judge.Client
}
