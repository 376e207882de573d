package main

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
	"virtpki/templates"
)

func newGenerate(e *env, g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "The files that run virtpki by itself",
		Long:  help("Print or write the files by which systemd or cron runs 'virtpki renew', and\ncloud-init 'virtpki bootstrap'; or an Ansible project for a fleet.", exitDone, exitError, exitUsage),
		Args:  cobra.NoArgs,
		RunE:  needsSubcommand,
	}
	cmd.AddCommand(newGenerateSystemd(e, g), newGenerateCron(e, g), newGenerateCloudInit(e, g), newGenerateAnsible(e, g))
	return cmd
}

// generateOptions are the flags of the commands below generate: what renew is to
// be given, and where the files go.
type generateOptions struct {
	renewOptions
	outOptions
	binary   string
	calendar string // of systemd
}

// outOptions say where the files go, and whether they replace what is there.
type outOptions struct {
	out   string
	force bool
}

func (o *generateOptions) addFlags(cmd *cobra.Command, g *globals, jitter string) {
	flags := cmd.Flags()
	flags.StringVar(&o.binary, "binary", "", "`path` of virtpki on the machine that runs it (default: this program's)")
	flags.StringVar(&o.before, "before", "33%", "how long before its end something is due, a `duration` or a share of its life")
	flags.BoolVar(&o.sameKey, "same-key", false, "keep the keys")
	flags.StringVar(&o.jitter, "jitter", jitter, "spread the runs of many machines over `duration`; empty: do not")
	flags.StringVar(&o.metrics, "metrics", "", "have renew write a Prometheus text `file`")
	o.addVia(cmd)
	o.reloadOptions.addFlags(cmd)
	cmd.MarkFlagFilename("binary")
	cmd.MarkFlagFilename("metrics", "prom")
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
}

const generateSystemdHelp = `Print a systemd service that runs 'virtpki renew', and its timer; with --out, write
them. They run as root on the machine that has the CA's key or the certificates.

The service starts after the clock is set, may write only where renew writes
(SYSCONFDIR/pki, the CA's folder, the folder of --metrics), and has few rights
besides. A --restart-command runs under the same limits: 'systemctl restart
libvirtd' works. The passphrase of the CA's key is handed over as a credential.

--root is for the image of a machine and does not appear in the units.`

func newGenerateSystemd(e *env, g *globals) *cobra.Command {
	return bindSystemd(e, g, &generateOptions{})
}

// bindSystemd binds the flags to o.
func bindSystemd(e *env, g *globals, o *generateOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "systemd",
		Short: "A systemd service and timer",
		Long:  help(generateSystemdHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki generate systemd --out /etc/systemd/system\n  systemctl daemon-reload\n  systemctl enable --now virtpki-renew.timer\n\n" +
			"  virtpki generate systemd --metrics /var/lib/prometheus/node-exporter/virtpki.prom",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.generateSystemd(cmd.Context(), g, o)
		},
	}
	o.addFlags(cmd, g, "1h")
	cmd.Flags().StringVar(&o.calendar, "calendar", "daily", "when to run, a calendar `expression` of systemd.time(7)")
	cmd.Flags().StringVarP(&o.out, "out", "o", "", "write the units into `directory`")
	addForce(cmd.Flags(), &o.outOptions.force)
	cmd.MarkFlagDirname("out")
	return cmd
}

const generateCronHelp = `Print a file for /etc/cron.d that runs 'virtpki renew' every night; with --out,
write it. The minute comes from this machine's name, so that a fleet does not run
as one; --jitter is waited on top.

cron mails what renew prints, which is nothing unless something goes wrong.`

func newGenerateCron(e *env, g *globals) *cobra.Command {
	return bindCron(e, g, &generateOptions{})
}

// bindCron binds the flags to o.
func bindCron(e *env, g *globals, o *generateOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "cron",
		Short:   "A file for /etc/cron.d",
		Long:    help(generateCronHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki generate cron --out /etc/cron.d/virtpki",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.generateCron(cmd.Context(), g, o)
		},
	}
	o.addFlags(cmd, g, "10m")
	cmd.Flags().StringVarP(&o.out, "out", "o", "", "write to `file`")
	addForce(cmd.Flags(), &o.outOptions.force)
	cmd.MarkFlagFilename("out")
	return cmd
}

// generated is a file that generate prints or writes; its JSON form is stable.
type generated struct {
	Name string `json:"name"`
	Text string `json:"text"`
	path string // where --out puts it
	mode fs.FileMode
}

func (e *env) generateSystemd(ctx context.Context, g *globals, o *generateOptions) error {
	files, err := o.units(g)
	if err != nil {
		return err
	}
	o.warnMissing(e, g)
	return e.generate(ctx, g, o.outOptions, files, unitsNote)
}

// unitsNote says what is left to do for the units to count.
const unitsNote = "then: systemctl daemon-reload && systemctl enable --now virtpki-renew.timer"

// units are the service and its timer.
func (o *generateOptions) units(g *globals) ([]generated, error) {
	r, err := o.renewal(g)
	if err != nil {
		return nil, err
	}
	if err := o.checkReach(g, r); err != nil {
		return nil, err
	}
	r.Calendar, r.Delay = o.calendar, o.jitter
	for _, name := range libvirt.DaemonNames() {
		r.After = append(r.After, name+".service")
	}
	service, err := templates.Service(r)
	if err != nil {
		return nil, hint.Usage(err)
	}
	timer, err := templates.Timer(r)
	if err != nil {
		return nil, hint.Usage(err)
	}
	files := []generated{{Name: "virtpki-renew.service", Text: string(service)}, {Name: "virtpki-renew.timer", Text: string(timer)}}
	for i := range files {
		files[i].path, files[i].mode = filepath.Join(o.out, files[i].Name), generatedMode
	}
	return files, nil
}

func (e *env) generateCron(ctx context.Context, g *globals, o *generateOptions) error {
	files, err := e.crontab(g, o)
	if err != nil {
		return err
	}
	o.warnMissing(e, g)
	return e.generate(ctx, g, o.outOptions, files, "")
}

// crontab is the file for cron.
func (e *env) crontab(g *globals, o *generateOptions) ([]generated, error) {
	r, err := o.renewal(g)
	if err != nil {
		return nil, err
	}
	if o.jitter != "" {
		r.Command = append(r.Command, "--jitter="+o.jitter)
	}
	if r.Host, err = e.here.Hostname(); err != nil {
		return nil, err
	}
	if err := checkCronName(o.out); err != nil {
		return nil, err
	}
	text, err := templates.Crontab(r)
	if err != nil {
		return nil, hint.Usage(err)
	}
	return []generated{{Name: "virtpki", Text: string(text), path: o.out, mode: generatedMode}}, nil
}

// generate writes files where --out says, or prints them.
func (e *env) generate(ctx context.Context, g *globals, out outOptions, files []generated, note string) error {
	if out.out != "" {
		return e.change(ctx, g, nil, func(j *change.Job) error { return planGenerated(j, files, out.force, note) })
	}
	if g.json {
		return e.printJSON(files)
	}
	for i, file := range files {
		if len(files) > 1 {
			termtext.Fprintf(e.stdout, "%s# %s\n", termtext.Text(strings.Repeat("\n", min(i, 1))), file.Name)
		}
		if _, err := io.WriteString(e.stdout, file.Text); err != nil {
			return err
		}
	}
	return nil
}

// generatedMode is that of units and crontabs. cron passes over a file that
// others may write to.
const generatedMode fs.FileMode = 0o644

func planGenerated(j *change.Job, files []generated, force bool, note string) error {
	for _, file := range files {
		if err := j.Plan.Parents(filepath.Dir(file.path), 0o755, machine.Owner()); err != nil {
			return err
		}
		o := store.Output{Path: file.path, Data: []byte(file.Text), Mode: file.mode, Ours: change.WrittenText, Force: force}
		if err := change.PlanOutput(&j.Plan, o, "--out"); err != nil {
			return err
		}
	}
	if note != "" && len(j.Plan.Changes()) > 0 {
		j.Note("%s", note)
	}
	return nil
}

// renewal is the command line of renew. Paths are made absolute: whoever runs it
// starts elsewhere.
func (o *generateOptions) renewal(g *globals) (templates.Renewal, error) {
	r := templates.Renewal{}
	if _, err := o.check(); err != nil {
		return r, err
	}
	for _, path := range []*string{&o.binary, &g.CADir, &o.metrics, &g.passphraseFile, &g.Sysconfdir} {
		if err := makeAbsolute(path); err != nil {
			return r, err
		}
	}
	if o.binary == "" {
		var err error
		if o.binary, err = os.Executable(); err != nil {
			return r, hint.With(err, "name the program with --binary")
		}
	}
	r.Command = append([]string{o.binary, "renew", "--quiet"}, o.arguments(g.Machine)...)
	r.Passphrase = g.passphraseFile
	r.Writable = o.writable(g.Machine)
	return r, nil
}

// warnMissing tells of what is named and not here. It is no error: the files may be
// for another machine, or come before what they name.
func (o *generateOptions) warnMissing(e *env, g *globals) {
	paths := []string{o.binary, g.CADir, g.passphraseFile}
	if o.metrics != "" {
		paths = append(paths, filepath.Dir(o.metrics))
	}
	for _, path := range paths {
		if path != "" && !g.quiet && !g.Tree().Exists(g.Path(path)) {
			e.warn("there is no %s: renew needs it where it runs", g.Path(path))
		}
	}
}

func makeAbsolute(path *string) error {
	if *path == "" {
		return nil
	}
	absolute, err := filepath.Abs(*path)
	*path = absolute
	return err
}

// arguments are those of renew that differ from its defaults. Each value follows
// its flag after "=", so that none can pass for a flag.
func (o *generateOptions) arguments(m *machine.Machine) []string {
	var args []string
	add := func(flag, value, otherwise string) {
		if value != otherwise {
			args = append(args, "--"+flag+"="+value)
		}
	}
	add("sysconfdir", m.Sysconfdir, machine.DefaultSysconfdir())
	add("ca", m.CADir, "")
	add("before", o.before, "33%")
	if o.sameKey {
		args = append(args, "--same-key")
	}
	if o.noReload {
		args = append(args, "--no-reload")
	}
	add("restart-command", o.restart, "")
	add("metrics", o.metrics, "")
	add("via", o.via, "")
	return args
}

// writable lists the folders that renew writes into. It exchanges the folder of
// the pairs with one beside it, so the one above both is meant.
func (o *generateOptions) writable(m *machine.Machine) []string {
	folders := []string{libvirt.System(m.Sysconfdir).Top()}
	if m.CADir != "" {
		folders = append(folders, m.CADir)
	}
	if o.metrics != "" {
		folders = append(folders, filepath.Dir(o.metrics))
	}
	var all []string
	for _, folder := range folders {
		covered := slices.ContainsFunc(all, func(above string) bool { return folder == above || strings.HasPrefix(folder, above+"/") })
		if !covered {
			all = append(all, folder)
		}
	}
	return all
}

// ownToService are folders that a service has of its own, or that hold what only
// this process has.
var ownToService = []string{"/tmp", "/var/tmp", "/dev", "/proc"}

// checkReach refuses paths that the service would not find.
func (o *generateOptions) checkReach(g *globals, r templates.Renewal) error {
	for _, path := range append([]string{o.binary, g.passphraseFile, o.metrics}, r.Writable...) {
		for _, folder := range ownToService {
			if path == folder || strings.HasPrefix(path, folder+"/") {
				return hint.With(hint.Usagef("%s: the service cannot see what is in %s", path, folder), "put it elsewhere; --binary names the program")
			}
		}
	}
	return nil
}

// checkCronName refuses a name that cron passes over without a word: in
// /etc/cron.d, Debian's reads letters, digits, "_" and "-" alone (cron(8)), and
// others leave out what has a dot.
func checkCronName(path string) error {
	name := filepath.Base(path)
	odd := strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", r)
	})
	if odd && filepath.Base(filepath.Dir(path)) == "cron.d" {
		return hint.Usagef("%s: cron passes over a file with such a name (letters, digits, _ and - are read)", path)
	}
	return nil
}
