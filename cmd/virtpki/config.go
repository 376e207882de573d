package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/dn"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
)

// configOptions are the flags of config; bootstrap has the same.
type configOptions struct {
	allow []string
	apply bool
	force bool
}

func (o *configOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&o.allow, "allow-dn", nil, "let in the clients whose DN matches `pattern`, and no others; may be repeated")
	flags.BoolVar(&o.force, "force", false, "write the list even if it locks out the client installed here")
}

const configHelp = `Print the entries of libvirtd.conf or virtproxyd.conf that match what is on
disk: the four files, all or none, listen_tls, and with --allow-dn the list of
who may connect. The daemon refuses some of the files without the others, and
silently forgets the CRL when it alone is missing from the four.

--apply edits the conf in place. Every other byte stays; a setting that stands
there as a comment is set beside its comment, an active one is replaced. The old
file is kept beside it with .old at its end. A list that would lock out the
client installed here is not written without --force.

* in a pattern is any text, ? one character. 'virtpki dn show' prints a
certificate's DN as the daemon sees it.`

func newConfig(e *env, g *globals) *cobra.Command {
	o := &configOptions{}
	cmd := &cobra.Command{
		Use:       "config libvirtd|virtproxyd",
		Short:     "The matching entries of libvirtd.conf",
		Long:      help(configHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example:   "  virtpki config libvirtd\n  virtpki config libvirtd --allow-dn 'O=Example Org,CN=*' --apply",
		Args:      cobra.ExactArgs(1),
		ValidArgs: libvirt.DaemonNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			daemon, err := libvirt.FindDaemon(args[0])
			if err != nil {
				return usageError{err}
			}
			return e.config(cmd.Context(), g, o, daemon)
		},
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&o.apply, "apply", false, "edit the conf in place")
	g.addDryRun(cmd)
	return cmd
}

func (e *env) config(ctx context.Context, g *globals, o *configOptions, daemon libvirt.Daemon) error {
	if err := checkPatterns(o.allow); err != nil {
		return usageError{err}
	}
	client, err := installedClient(g)
	if err != nil {
		return err
	}
	present := func(file libvirt.File) bool { return store.Exists(g.system().Path(file)) }
	if !o.apply {
		return e.printConfig(g, o, daemon, client, present)
	}
	conf := daemon.ConfPath(g.underRoot(g.sysconfdir))
	return e.change(ctx, g, []string{filepath.Dir(conf)}, func(j *job) error {
		return e.applyConfig(j, g, o, daemon, client, present)
	})
}

// checkPatterns says what keeps a pattern from standing in the list.
func checkPatterns(patterns []string) error {
	for _, pattern := range patterns {
		if strings.TrimSpace(pattern) == "" {
			return errors.New("an empty pattern lets nobody in")
		}
		if strings.IndexFunc(pattern, unprintable) >= 0 {
			return fmt.Errorf("pattern %s holds a character that cannot be printed", quoteShort(pattern))
		}
		if _, err := libvirt.StringValue(pattern).Format(); err != nil {
			return fmt.Errorf("pattern %s: %w", quoteShort(pattern), err)
		}
	}
	return nil
}

// installedClient is the DN of the system's client certificate, empty when
// there is none.
func installedClient(g *globals) (string, error) {
	certs, err := readCerts(g.system().Path(libvirt.ClientCert))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return dn.FromRDNSequence(certs[0].RawSubject)
}

// lockedOut is the error for a list that the client installed here does not pass.
func (o *configOptions) lockedOut(client string) error {
	if o.allow == nil || client == "" {
		return nil
	}
	for _, pattern := range o.allow {
		if dn.MatchGlob(pattern, client) {
			return nil
		}
	}
	return withHint(fmt.Errorf("the list would lock out the client installed here, %q", client), "add --allow-dn '%s', or insist with --force", client)
}

// settings are the entries for a daemon, with paths as the daemon sees them.
func (o *configOptions) settings(g *globals, daemon libvirt.Daemon, present func(libvirt.File) bool) []libvirt.Setting {
	return daemon.Settings(libvirt.System(g.sysconfdir), present, o.allow)
}

func (e *env) printConfig(g *globals, o *configOptions, daemon libvirt.Daemon, client string, present func(libvirt.File) bool) error {
	if err := o.lockedOut(client); err != nil {
		e.warn("%v", err)
	}
	settings := o.settings(g, daemon, present)
	if g.json {
		return e.printJSON(settingsJSON(settings))
	}
	for _, s := range settings {
		fmt.Fprintf(e.stdout, "%s = %s\n", s.Name, s.Value)
	}
	return nil
}

func settingsJSON(settings []libvirt.Setting) map[string]any {
	values := make(map[string]any)
	for _, s := range settings {
		switch s.Value.Kind() {
		case libvirt.KindInt:
			values[s.Name] = s.Value.Int()
		case libvirt.KindList:
			values[s.Name] = s.Value.List()
		default:
			values[s.Name] = s.Value.Str()
		}
	}
	return values
}

// applyConfig plans the edit of a daemon's conf.
func (e *env) applyConfig(j *job, g *globals, o *configOptions, daemon libvirt.Daemon, client string, present func(libvirt.File) bool) error {
	if err := o.lockedOut(client); err != nil && !o.force {
		return err
	}
	path := daemon.ConfPath(g.underRoot(g.sysconfdir))
	old, err := readIfThere(path)
	if err != nil {
		return err
	}
	conf, err := libvirt.ParseConf(old)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	settings := o.settings(g, daemon, present)
	noteConf(j, path, conf, settings)
	edited, err := edit(conf, settings)
	if err != nil || !edited {
		return err
	}
	if err := conf.CheckDaemon(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	j.note("restart %s: it reads its conf only when it starts", daemon.Name)
	j.note("where systemd opens its sockets: systemctl stop %s && systemctl enable --now %s && systemctl start %s", daemon.Service, daemon.TLSSocket, daemon.Service)
	return planConf(j, path, old, conf.Bytes())
}

// edit sets what differs and tells whether anything did.
func edit(conf *libvirt.Conf, settings []libvirt.Setting) (edited bool, err error) {
	for _, s := range settings {
		if have, ok := conf.Lookup(s.Name); ok && have.Equal(s.Value) {
			continue
		}
		if err := conf.Set(s.Name, s.Value); err != nil {
			return edited, fmt.Errorf("setting %s: %w", s.Name, err)
		}
		edited = true
	}
	return edited, nil
}

// confMode is for a conf that was not there; one that is keeps its mode.
const confMode fs.FileMode = 0o644

// planConf plans the new conf, and the old one beside it.
func planConf(j *job, path string, old, edited []byte) error {
	if err := j.plan.Parents(filepath.Dir(path), 0o755, owner()); err != nil {
		return err
	}
	if old != nil {
		if err := j.plan.KeepLike(path+".old", path, old); err != nil {
			return err
		}
	}
	return j.plan.Keep(path, edited, confMode, owner())
}

// noteConf tells what in a conf is not as it seems.
func noteConf(j *job, path string, conf *libvirt.Conf, settings []libvirt.Setting) {
	for _, d := range conf.Duplicates() {
		j.note("%s: %s stands on lines %s; libvirt takes the first", path, d.Name, joinInts(d.Lines))
	}
	if v, ok := conf.Lookup("tls_no_verify_certificate"); ok && v.Int() == 1 {
		j.note("%s: tls_no_verify_certificate = 1 lets everybody in, whatever the list and the CRL say", path)
	}
	if len(settings) > 2 {
		return
	}
	for _, s := range conf.FileSettings() {
		j.note("%s: %s = %s stays; the default files are not all here", path, s.Name, s.Value)
	}
}

func joinInts(numbers []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(numbers), "[]"), " ", ", ")
}
