package generate

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/issuer"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/templates"
)

// Ansible describes a project that gives a fleet its certificates.
type Ansible struct {
	Hosts  []string
	CAHost string // the machine with the CA's key, as Ansible reaches it
	CA     string // directory of the CA there; empty for the default
	Copy   string // virtpki on this machine, to be copied to the hosts; empty for none
	Issuer string // file of an issuer on this machine, which the hosts ask; empty for none
	Out    string // the project's directory
	Force  bool   // replace files that virtpki did not write

	issuerFiles []string // that the issuer's file names
}

// Plan plans the project's files. It writes the files that people edit only once.
func (a *Ansible) Plan(j *change.Job) error {
	project, err := templates.Ansible(templates.Fleet{
		Hosts: a.Hosts, CA: a.CAHost, Local: a.CAHost == "localhost", CAFolder: a.CA, Copy: a.Copy, Issuer: a.Issuer, IssuerFiles: a.issuerFiles,
	})
	if err != nil {
		return hint.Usage(err)
	}
	for _, file := range a.kept(project) {
		j.Note("%s belongs to you: not changed", file)
		if err := a.holdHosts(j, file); err != nil {
			return err
		}
	}
	return Plan(j, a.toWrite(project), a.Force, "then: cd "+termtext.ShellWord(a.Out)+" && ansible-playbook site.yml --check")
}

// Check returns an error if a project is invalid, before anything is read, and makes its paths
// absolute. m is the machine on which the project is made.
func (a *Ansible) Check(m *machine.Machine) error {
	if err := checkHosts(a.Hosts); err != nil {
		return err
	}
	if _, err := netip.ParseAddr(a.CAHost); err != nil {
		if err := subject.CheckDNS("--ca-host", a.CAHost); err != nil {
			return err
		}
	}
	if a.Out == "" {
		return hint.Usagef("--out is empty")
	}
	return hint.First(a.checkCopy(), Absolute(&a.Copy), checkAnsiblePaths(m), Absolute(&a.CA), Absolute(&a.Issuer), a.checkIssuer())
}

// checkIssuer reads the file of an issuer, and returns an error if hosts could not use it. Each
// file that it names goes to the hosts, so it has to be here, and not readable by others.
func (a *Ansible) checkIssuer() error {
	if a.Issuer == "" {
		return nil
	}
	if a.CA != "" {
		return hint.Usagef("--ca names a CA with its key on a machine, but with --issuer another CA signs")
	}
	c, err := issuer.Load(a.Issuer)
	if err != nil {
		return err
	}
	if a.issuerFiles, err = c.Files(); err != nil {
		return fmt.Errorf("%s: %w", a.Issuer, err)
	}
	return nil
}

// checkCopy returns an error if the program that Ansible is to copy is not here.
func (a *Ansible) checkCopy() error {
	if a.Copy == "" {
		return nil
	}
	switch info, err := os.Stat(a.Copy); {
	case err != nil:
		return hint.With(fmt.Errorf("--copy: %w", err),
			"generate the project on the machine that runs Ansible, with the path of virtpki there; leave out --copy if the hosts have virtpki")
	case !info.Mode().IsRegular():
		return hint.Usagef("--copy %s is not a program file", termtext.QuoteShort(a.Copy))
	}
	return nil
}

// checkAnsiblePaths checks the flags that name places. The project is for other machines: the role
// decides all paths there but that of the CA.
func checkAnsiblePaths(m *machine.Machine) error {
	switch {
	case !m.Live():
		return errors.New("--root does not apply to the machines that Ansible reaches: leave it out")
	case m.Sysconfdir != machine.DefaultSysconfdir():
		return hint.With(errors.New("--sysconfdir is not for an Ansible project"), "--ca names the CA's directory")
	}
	return nil
}

// toWrite returns the files to write. It leaves out existing files that people edit.
func (a *Ansible) toWrite(project []templates.ProjectFile) []File {
	var files []File
	for _, file := range project {
		if path := a.path(file); !file.Own || !store.Exists(path) {
			files = append(files, File{Name: file.Name, Text: string(file.Text), Path: path, Mode: fileMode})
		}
	}
	return files
}

// kept returns the files that people have edited.
func (a *Ansible) kept(project []templates.ProjectFile) []string {
	var paths []string
	for _, file := range project {
		if !file.Own {
			continue
		}
		path := a.path(file)
		if there, err := machine.ReadIfThere(store.Tree{}, path); err == nil && there != nil && !bytes.Equal(there, file.Text) {
			paths = append(paths, path)
		}
	}
	return paths
}

// holdHosts names the hosts that are missing in an inventory that people edit.
func (a *Ansible) holdHosts(j *change.Job, file string) error {
	if filepath.Base(file) != "inventory.yml" {
		return nil
	}
	text, err := machine.ReadIfThere(store.Tree{}, file)
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(a.Hosts), func(host string) bool { return templates.NamesHost(text, host) })
	if len(missing) > 0 {
		j.Unmet = append(j.Unmet, termtext.Sprintf("%s does not name %s: add it below virtpki: hosts:, as %q", file, strings.Join(missing, " and "), "    "+missing[0]+":"))
	}
	return nil
}

func (a *Ansible) path(file templates.ProjectFile) string {
	return filepath.Join(a.Out, filepath.FromSlash(file.Name))
}
