package inspect

import (
	"crypto/x509"
	"fmt"
	"path/filepath"

	"virtpki/internal/judge"
	"virtpki/internal/machine"
	"virtpki/internal/termtext"
)

// remade is a pair that has to be made again in a directory for ?pkipath=.
type remade struct {
	flags   string // with which virtpki works on the files of this CA
	folder  string
	free    string // an unused name beside the directory
	role    judge.Role
	name    string // of the holder, quoted for a shell; empty if it is not known
	signs   bool   // the CA's key is here
	revoked bool   // somebody shut the holder out
}

// command returns the command that moves the directory aside and has issue make it again, which
// gives it the name of the holder. Without the CA's key, or the holder's name, it returns the step
// in words.
func (r remade) command() string {
	parent, last := filepath.Split(filepath.Clean(r.folder))
	if !r.signs || r.name == "" || last == "" || last == "." || last == ".." {
		return r.inWords()
	}
	issue := fmt.Sprintf("virtpki %sissue %s %s --layout pkipath --out ", r.flags, r.role, r.name)
	folder, after := termtext.ShellWord(r.folder), ""
	if r.revoked {
		after = " # to admit its owner again"
	}
	aside := fmt.Sprintf("mv %s %s && ", folder, termtext.ShellWord(r.free))
	if termtext.ShellWord(last) == r.name {
		return aside + issue + termtext.ShellWord(filepath.Clean(parent)) + after
	}
	beside := termtext.ShellWord(filepath.Clean(r.folder) + ".new")
	return fmt.Sprintf("%s%s%s && mv %[3]s/%s %s%s", aside, issue, beside, r.name, folder, after)
}

func (r remade) inWords() string {
	name, after := r.name, ""
	if name == "" {
		name = "NAME"
	}
	if r.revoked {
		after = ", to admit its owner again"
	}
	return fmt.Sprintf(whereKey+"virtpki issue %s %s --out DIR --layout pkipath%s", r.role, name, after)
}

// remade returns the fix for the pair of the directory of a file.
func (x *fixer) remade(f judge.Finding) string {
	role, folder := roleOf(f.File), filepath.Dir(f.File)
	return remade{x.flags, folder, x.free(folder), role, x.name(role), x.signs, f.ID == "cert-revoked"}.command()
}

// ClientFolder returns the fix for a client's pair in a directory for ?pkipath=, for a finding of
// another look at it. It names the holder by the pair's certificate; nil if there is none.
func ClientFolder(m *machine.Machine, folder string, held *x509.Certificate, revoked bool) string {
	x := &fixer{stands: func(path string) bool {
		_, err := m.Tree().Lstat(path)
		return err == nil
	}}
	n := namesOf(m)
	name := ""
	if held != nil && typable(judge.Client, held.Subject.CommonName) && n.grants(judge.Client, held) {
		name = termtext.ShellWord(held.Subject.CommonName)
	}
	return remade{m.Flags(), folder, x.free(filepath.Clean(folder)), judge.Client, name, n.signs, revoked}.command()
}
