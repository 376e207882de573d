package hostconf

import (
	"errors"
	"fmt"
	"io/fs"

	"virtpki/dn"
	"virtpki/internal/allowlist"
	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/inventory"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/machine"
	"virtpki/internal/termtext"
)

// Request says which daemon to configure, and which clients it should admit.
type Request struct {
	Daemon      libvirt.Daemon
	Allow       []string // patterns of DNs; nil for no list
	AllowIssued bool     // every client certificate of the CA here too
	Force       bool     // even if the list locks out the client installed here
}

// Check returns an error if the patterns of a request cannot stand in a list.
func (r Request) Check() error { return allowlist.Check(r.Allow, r.Force) }

// Daemon holds the values that decide the entries of a daemon's configuration.
type Daemon struct {
	List    *inventory.List // the programs that use TLS on the machine
	Daemon  inventory.Daemon
	Allow   []string                // nil for no list
	Force   bool                    // even if the list locks out Client
	Client  string                  // DN of the client installed here; empty if there is none
	Present func(libvirt.File) bool // which files exist, or are planned
	// Restarted is set if the caller restarts the daemon.
	Restarted bool
}

// Look returns the values that decide the entries, read from a machine in its present state.
func Look(m *machine.Machine, list *inventory.List, r Request) (*Daemon, error) {
	d := &Daemon{List: list, Daemon: list.Daemon(r.Daemon), Allow: r.Allow, Force: r.Force}
	d.Present = func(file libvirt.File) bool { return m.Tree().Exists(m.System().Path(file)) }
	var err error
	if d.Client, err = installedClient(m); err != nil || !r.AllowIssued {
		return d, err
	}
	a, err := authority.Open(m)
	if err != nil {
		return nil, err
	}
	return d, d.AllowIssued(a, m)
}

// AllowIssued adds to the list every valid client certificate that the CA has signed, or is about
// to sign, each by its exact DN.
func (d *Daemon) AllowIssued(a *authority.Authority, m *machine.Machine) error {
	clients, err := a.LiveClients(m.Now())
	if err != nil {
		return err
	}
	d.Allow, err = allowlist.WithIssued(d.Allow, clients)
	return err
}

// Path returns the file of the daemon's configuration.
func (d *Daemon) Path(m *machine.Machine) string { return m.Path(d.Daemon.ConfPath) }

// Settings returns the entries, with paths as the daemon sees them.
func (d *Daemon) Settings(m *machine.Machine) []libvirt.Setting {
	return d.Daemon.Settings(libvirt.System(m.Sysconfdir), d.Present, d.Allow)
}

// Warnings returns the surprising facts about the list, for entries that are only shown.
func (d *Daemon) Warnings() []string {
	warnings := allowlist.Advice(d.Allow)
	if err := allowlist.LockedOut(d.Allow, d.Client); err != nil {
		warnings = append(warnings, err.Error())
	}
	return warnings
}

// installedClient returns the DN of the system's client certificate; empty if there is none.
func installedClient(m *machine.Machine) (string, error) {
	certs, err := keypair.ReadCerts(m.Tree(), m.System().Path(libvirt.ClientCert))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return dn.FromRDNSequence(certs[0].RawSubject)
}

// Plan plans the edit of the daemon's configuration.
func (d *Daemon) Plan(j *change.Job, m *machine.Machine) error {
	if err := allowlist.LockedOut(d.Allow, d.Client); err != nil && !d.Force {
		return err
	}
	path := d.Path(m)
	file, err := conf.Read(path, m.Tree().ReadFile)
	if err != nil {
		return err
	}
	old := file.Bytes()
	settings := d.Settings(m)
	noteConf(j, path, file, settings)
	edited, err := edit(file, settings)
	if err != nil || !edited {
		return err
	}
	if err := file.CheckDaemon(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	d.note(j, m, file)
	return planConf(j, path, old, file.Bytes())
}

// note adds notes about a configuration that is written: the steps that remain, and anything
// surprising in it.
func (d *Daemon) note(j *change.Job, m *machine.Machine, file *conf.File) {
	j.Notes = append(j.Notes, allowlist.Advice(d.Allow)...)
	if !d.Present(libvirt.ServerCert) && len(libvirt.FileSettings(file)) == 0 {
		j.Note("there is no server certificate here: with listen_tls = 1 the daemon does not start (virtpki bootstrap makes one)")
	}
	if other, ok := d.List.Instead(d.Daemon); ok {
		j.Note("%s does not read %s: it serves TLS here, and reads %s", other.Name, d.Path(m), m.Path(other.ConfPath))
	}
	if !d.Restarted {
		j.Next("restart %s: it reads its configuration only when it starts", d.Daemon.Name)
		j.Next("if systemd opens its sockets: %s", d.Daemon.StartTLS())
	}
}

// noteConf adds notes about settings of a configuration file that do not do as they seem to.
func noteConf(j *change.Job, path string, file *conf.File, settings []libvirt.Setting) {
	noteDuplicates(j, path, file)
	if v, ok := file.Lookup("tls_no_verify_certificate"); ok && v.Int() == 1 {
		j.Note("%s: tls_no_verify_certificate = 1 admits every client, whatever the list and the CRL say", path)
	}
	if len(settings) > 2 {
		return
	}
	for _, s := range libvirt.FileSettings(file) {
		j.Note("%s: %s = %s stays; the default files are not all here", path, s.Name, s.Value)
	}
}

// noteDuplicates notes which settings stand in a configuration file more than once.
func noteDuplicates(j *change.Job, path string, file *conf.File) {
	for _, d := range file.Duplicates() {
		j.Note("%s: %s is set on lines %s; libvirt uses the first", path, d.Name, termtext.Join(d.Lines))
	}
}
