package main

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/machine"
	"virtpki/internal/termtext"
)

// configQEMUOptions are the flags of config qemu.
type configQEMUOptions struct {
	with      []string
	verifyVNC bool
	force     bool
	secret    string
	apply     bool
}

const configQEMUHelp = `Print the entries of qemu.conf that match QEMU's folders: which folder each use
has, what of it has TLS, and who must show a certificate. --with says what is to
have TLS; without it that is what has a folder.

Migration and backup need no switch: each of them asks for TLS (virsh migrate
--tls), and --migrate-tls-force refuses one that does not. VNC, SPICE, character
devices and disks by NBD have a switch, for every guest that is started from then
on. VNC asks no certificate of its clients without --vnc-verify.

Keys with a passphrase, which libvirtd itself cannot read, QEMU reads with the help
of a secret of libvirt's; --secret names it by its UUID.

--apply edits the conf in place, keeps every other byte, and the old file beside
it, see 'virtpki config --help'. The daemon reads it when it is started again.`

func newConfigQEMU(e *env, g *globals) *cobra.Command {
	o := &configQEMUOptions{}
	cmd := &cobra.Command{
		Use:     "qemu",
		Short:   "The matching entries of qemu.conf",
		Long:    help(configQEMUHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki config qemu\n  virtpki config qemu --with qemu,vnc --migrate-tls-force --apply",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.configQEMU(cmd.Context(), g, o)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.with, "with", nil, "the `uses` that are to have TLS: "+strings.Join(libvirt.QEMUUseNames(), ", "))
	flags.BoolVar(&o.verifyVNC, "vnc-verify", false, "have VNC want a certificate of its clients")
	flags.BoolVar(&o.force, "migrate-tls-force", false, "refuse every migration without TLS")
	flags.StringVar(&o.secret, "secret", "", "`UUID` of libvirt's secret with the passphrase of QEMU's keys")
	flags.BoolVar(&o.apply, "apply", false, "edit the conf in place")
	completeFrom(cmd, "with", libvirt.QEMUUseNames()...)
	g.addDryRun(cmd)
	return cmd
}

// uuidForm is how libvirt writes a UUID; it reads other forms too.
var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// check turns the options into what they mean. Without --with that is what has a
// folder.
func (o *configQEMUOptions) check(exists func(string) bool, m *machine.Machine) (libvirt.QEMUConfig, error) {
	c := libvirt.QEMUConfig{VerifyVNC: o.verifyVNC, Force: o.force, Secret: o.secret}
	if o.secret != "" && !uuidForm.MatchString(o.secret) {
		return c, hint.Usagef("bad UUID %s (one like 6f0d8c3a-..., as virsh secret-list prints it)", termtext.QuoteShort(o.secret))
	}
	with, err := (&withOptions{with: o.with}).check()
	if err != nil {
		return c, err
	}
	if c.Uses = with.uses; len(c.Uses) > 0 {
		return c, nil
	}
	for _, use := range libvirt.QEMUUses() {
		if exists(use.Layout(m.Sysconfdir).Base) {
			c.Uses = append(c.Uses, use)
		}
	}
	return c, nil
}

func (e *env) configQEMU(ctx context.Context, g *globals, o *configQEMUOptions) error {
	look := &folderLook{m: g.Machine}
	c, err := o.check(look.exists, g.Machine)
	if err := hint.First(look.err, err); err != nil {
		return err
	}
	if err := hint.First(missingFolder(c, g.Machine, look.exists), look.err); err != nil {
		return err
	}
	if !o.apply {
		return e.printSettings(g, c.Settings(g.Sysconfdir, look.exists))
	}
	path := libvirt.QEMUConfPath(g.Path(g.Sysconfdir))
	return e.change(ctx, g, []string{filepath.Dir(path)}, func(j *change.Job) error {
		edited, err := editConf(j, path, c.Settings(g.Sysconfdir, look.exists))
		if err := hint.First(look.err, err); err != nil || !edited {
			return err
		}
		j.Note("restart libvirtd, or virtqemud where that runs the guests: it reads qemu.conf only when it starts; guests go on")
		if switched(c) {
			j.Note("a guest that runs keeps its VNC, SPICE, character devices and disks as they are until it is started anew; migration and backup go by the conf at once")
		}
		return nil
	})
}

// folderLook looks for folders, and keeps the first error: one that cannot be looked at
// is not missing.
type folderLook struct {
	m   *machine.Machine
	err error
}

func (l *folderLook) exists(path string) bool {
	_, err := l.m.Tree().Lstat(l.m.Path(path))
	if machine.Unread(err) {
		l.err = hint.First(l.err, err)
	}
	return err == nil
}

// missingFolder is the error for a use that would find no files: a guest with TLS
// would not start.
func missingFolder(c libvirt.QEMUConfig, m *machine.Machine, exists func(string) bool) error {
	qemu, err := libvirt.FindQEMUUse(libvirt.DefaultQEMU)
	if err != nil || exists(qemu.Layout(m.Sysconfdir).Base) {
		return err
	}
	for _, use := range c.Uses {
		if folder := use.Layout(m.Sysconfdir).Base; !exists(folder) {
			return hint.With(fmt.Errorf("no files for %s: %s is missing, and %s too", use.Name, m.Path(folder), m.Path(qemu.Layout(m.Sysconfdir).Base)),
				"fill it first: virtpki %sbootstrap --with %s", m.Flags(), use.Name)
		}
	}
	if len(c.Uses) == 0 {
		return hint.With(fmt.Errorf("QEMU has no files: %s is missing", m.Path(qemu.Layout(m.Sysconfdir).Base)), "fill it first: virtpki %sbootstrap --with %s", m.Flags(), qemu.Name)
	}
	return nil
}

// switched reports whether something is turned on for guests.
func switched(c libvirt.QEMUConfig) bool {
	for _, use := range c.Uses {
		if use.Switch != "" {
			return true
		}
	}
	return false
}

// editConf plans settings into a conf, and reports whether anything differs.
func editConf(j *change.Job, path string, settings []libvirt.Setting) (edited bool, err error) {
	file, err := conf.Read(path, j.Plan.Tree().ReadFile)
	if err != nil {
		return false, err
	}
	old := file.Bytes()
	for _, d := range file.Duplicates() {
		j.Note("%s: %s stands on lines %s; libvirt takes the first", path, d.Name, termtext.Join(d.Lines))
	}
	if edited, err = edit(file, settings); err != nil || !edited {
		return false, err
	}
	return true, planConf(j, path, old, file.Bytes())
}

// printSettings prints entries as a conf has them.
func (e *env) printSettings(g *globals, settings []libvirt.Setting) error {
	if g.json {
		return e.printJSON(settingsJSON(settings))
	}
	for _, s := range settings {
		termtext.Fprintf(e.stdout, "%s = %s\n", s.Name, termtext.Text(s.Value.String()))
	}
	return nil
}
