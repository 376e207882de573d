package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/dn"
	"virtpki/internal/allowlist"
	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/inventory"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

// configOptions are the flags of config; bootstrap has the same.
type configOptions struct {
	allow       []string
	allowIssued bool
	apply       bool
	force       bool
}

func (o *configOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&o.allow, "allow-dn", nil, "let in the clients whose DN matches `pattern`, and no others; may be repeated")
	flags.BoolVar(&o.allowIssued, "allow-issued", false, "let in every client whose certificate the CA here has signed, each by its exact DN")
	flags.BoolVar(&o.force, "force", false, "write the list even if it locks out the client installed here, or lets in nobody by a pattern")
}

const configHelp = `Print the entries of libvirtd.conf or virtproxyd.conf that match what is on
disk: the four files, all or none, listen_tls, and with --allow-dn the list of
who may connect. The daemon refuses some of the files without the others, and
silently forgets the CRL when it alone is missing from the four. 'config qemu' is
about qemu.conf, 'config client' about libvirt.conf.

--apply edits the conf in place. Every other byte stays; a setting that stands
there as a comment is set beside its comment, an active one is replaced. The old
file is kept beside it with .old at its end; that one is never replaced, and before
later edits the file is kept with .virtpki-old at its end. A list that would lock out the
client installed here is not written without --force.

* in a pattern is any text, ? one character. 'virtpki dn show' prints a
certificate's DN as the daemon sees it. A pattern that can let in nobody is
refused, and what is surprising about one is said: see 'virtpki dn lint'.
--allow-issued lists the exact DN of every client certificate that the CA here
has signed and that is neither expired nor revoked.`

func newConfig(e *env, g *globals) *cobra.Command {
	o := &configOptions{}
	cmd := &cobra.Command{
		Use:       "config libvirtd|virtproxyd|qemu|client",
		Short:     "The matching entries of libvirtd.conf, qemu.conf or libvirt.conf",
		Long:      help(configHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example:   "  virtpki config libvirtd\n  virtpki config libvirtd --allow-dn 'O=Example Org,CN=*' --apply\n  virtpki config virtproxyd --allow-issued --apply",
		Args:      cobra.ExactArgs(1),
		ValidArgs: libvirt.DaemonNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			daemon, err := libvirt.FindDaemon(args[0])
			if err != nil {
				return hint.Usage(fmt.Errorf("unknown daemon %q (one of %s, qemu, client)", args[0], strings.Join(libvirt.DaemonNames(), ", ")))
			}
			return e.config(cmd.Context(), g, o, daemon)
		},
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&o.apply, "apply", false, "edit the conf in place")
	g.addDryRun(cmd)
	cmd.AddCommand(newConfigQEMU(e, g), newConfigClient(e, g))
	return cmd
}

// confPlan is what decides the entries of a daemon's conf.
type confPlan struct {
	list    *inventory.List
	daemon  inventory.Daemon
	allow   []string // nil is no list
	force   bool
	client  string // DN of the client installed here, empty when there is none
	present func(libvirt.File) bool
	// restarted is set where somebody else sees to it that the daemon is started
	// again.
	restarted bool
}

// settings are the entries, with paths as the daemon sees them.
func (c *confPlan) settings(m *machine.Machine) []libvirt.Setting {
	return c.daemon.Settings(libvirt.System(m.Sysconfdir), c.present, c.allow)
}

func (e *env) config(ctx context.Context, g *globals, o *configOptions, daemon libvirt.Daemon) error {
	if err := allowlist.Check(o.allow, o.force); err != nil {
		return hint.Usage(err)
	}
	list := inventory.Of(ctx, g.Machine)
	if !o.apply {
		c, err := e.confPlan(g.Machine, o, list, daemon)
		if err != nil {
			return err
		}
		return e.printConfig(g, c)
	}
	file := list.Daemon(daemon).ConfPath
	return e.change(ctx, g, []string{filepath.Dir(g.Path(file))}, func(j *change.Job) error {
		c, err := e.confPlan(g.Machine, o, list, daemon)
		if err != nil {
			return err
		}
		return applyConfig(j, g.Machine, c)
	})
}

// confPlan looks at what is on disk.
func (e *env) confPlan(m *machine.Machine, o *configOptions, list *inventory.List, daemon libvirt.Daemon) (*confPlan, error) {
	c := &confPlan{list: list, daemon: list.Daemon(daemon), allow: o.allow, force: o.force}
	c.present = func(file libvirt.File) bool { return m.Tree().Exists(m.System().Path(file)) }
	var err error
	if c.client, err = installedClient(m); err != nil || !o.allowIssued {
		return c, err
	}
	a, err := authority.Open(m)
	if err != nil {
		return nil, err
	}
	c.allow, err = allowIssued(o.allow, a, m.Now())
	return c, err
}

// installedClient is the DN of the system's client certificate, empty when
// there is none.
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

func (e *env) printConfig(g *globals, c *confPlan) error {
	for _, a := range allowlist.Advice(c.allow) {
		e.warn("%s", a)
	}
	if err := allowlist.LockedOut(c.allow, c.client); err != nil {
		e.warn("%v", err)
	}
	return e.printSettings(g, c.settings(g.Machine))
}

func settingsJSON(settings []libvirt.Setting) map[string]any {
	values := make(map[string]any)
	for _, s := range settings {
		switch s.Value.Kind() {
		case conf.KindInt:
			values[s.Name] = s.Value.Int()
		case conf.KindList:
			values[s.Name] = s.Value.List()
		default:
			values[s.Name] = s.Value.Str()
		}
	}
	return values
}

// applyConfig plans the edit of a daemon's conf.
func applyConfig(j *change.Job, m *machine.Machine, c *confPlan) error {
	if err := allowlist.LockedOut(c.allow, c.client); err != nil && !c.force {
		return err
	}
	path := m.Path(c.daemon.ConfPath)
	file, err := conf.Read(path, m.Tree().ReadFile)
	if err != nil {
		return err
	}
	old := file.Bytes()
	settings := c.settings(m)
	noteConf(j, path, file, settings)
	edited, err := edit(file, settings)
	if err != nil || !edited {
		return err
	}
	if err := file.CheckDaemon(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	j.Notes = append(j.Notes, allowlist.Advice(c.allow)...)
	if !c.present(libvirt.ServerCert) && len(libvirt.FileSettings(file)) == 0 {
		j.Note("there is no server certificate here: with listen_tls = 1 the daemon does not start (virtpki bootstrap makes one)")
	}
	if other, ok := c.list.Instead(c.daemon); ok {
		j.Note("%s does not read %s: it serves TLS here, and reads %s", other.Name, path, m.Path(other.ConfPath))
	}
	if d := c.daemon.Daemon; !c.restarted {
		j.Note("restart %s: it reads its conf only when it starts", d.Name)
		j.Note("where systemd opens its sockets: %s", startTLS(d))
	}
	return planConf(j, path, old, file.Bytes())
}

// startTLS is the command that has systemd open a daemon's port for TLS: the
// socket can be switched on only while the daemon does not run.
func startTLS(d libvirt.Daemon) string {
	return fmt.Sprintf("systemctl stop %s && systemctl enable --now %s && systemctl start %s", d.Service, d.TLSSocket, d.Service)
}

// edit sets what differs and tells whether anything did.
func edit(file *conf.File, settings []libvirt.Setting) (edited bool, err error) {
	for _, s := range settings {
		if have, ok := file.Lookup(s.Name); ok && have.Equal(s.Value) {
			continue
		}
		if err := file.Set(s.Name, s.Value); err != nil {
			return edited, fmt.Errorf("setting %s: %w", s.Name, err)
		}
		edited = true
	}
	return edited, nil
}

// confMode is for a conf that was not there; one that is keeps its mode.
const confMode fs.FileMode = 0o644

// planConf plans the new conf, and the old one beside it.
func planConf(j *change.Job, path string, old, edited []byte) error {
	if err := j.Plan.Parents(filepath.Dir(path), 0o755, machine.Owner()); err != nil {
		return err
	}
	if old != nil {
		if err := keepOld(&j.Plan, path, old); err != nil {
			return err
		}
	}
	return j.Plan.Keep(path, edited, confMode, machine.Owner())
}

// keepOld plans a copy of a conf: .old is the conf as it was before virtpki's first edit,
// or somebody's own copy, and stays. Before each edit after that the conf is kept
// under a name of virtpki's own.
func keepOld(plan *store.Plan, path string, old []byte) error {
	first, err := machine.ReadIfThere(plan.Tree(), path+".old")
	if err != nil || bytes.Equal(first, old) && first != nil {
		return err
	}
	if first == nil {
		return plan.KeepLike(path+".old", path, old)
	}
	mode, err := machine.ModeOf(plan.Tree(), path)
	if err != nil {
		return err
	}
	copied := append([]byte("# "+filepath.Base(path)+" before the last edit. "+change.WrittenBy+"config\n"), old...)
	err = plan.Output(store.Output{Path: path + ".virtpki-old", Data: copied, Mode: mode, Owner: machine.Owner(), Ours: change.WrittenText})
	if errors.Is(err, store.ErrNotOurs) {
		return hint.With(err, "move it away: mv %s.virtpki-old %[1]s.kept", path)
	}
	return err
}

// noteConf tells what in a conf is not as it seems.
func noteConf(j *change.Job, path string, file *conf.File, settings []libvirt.Setting) {
	for _, d := range file.Duplicates() {
		j.Note("%s: %s stands on lines %s; libvirt takes the first", path, d.Name, termtext.Join(d.Lines))
	}
	if v, ok := file.Lookup("tls_no_verify_certificate"); ok && v.Int() == 1 {
		j.Note("%s: tls_no_verify_certificate = 1 lets everybody in, whatever the list and the CRL say", path)
	}
	if len(settings) > 2 {
		return
	}
	for _, s := range libvirt.FileSettings(file) {
		j.Note("%s: %s = %s stays; the default files are not all here", path, s.Name, s.Value)
	}
}
