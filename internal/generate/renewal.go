package generate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/cakey"
	"virtpki/internal/hint"
	"virtpki/internal/inventory"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/termtext"
	"virtpki/templates"
)

// Renewal says how renew runs automatically: its flags and its schedule. The values are as typed,
// and already checked.
type Renewal struct {
	Binary     string // virtpki where it runs; empty for this program's path
	Sysconfdir string
	CA         string // directory of the CA; empty for the default
	Passphrase string // file with the passphrase of the CA's key; empty for none
	Before     string // how long before its expiry a certificate is due
	SameKey    bool
	NoReload   bool
	Restart    string      // command that restarts a daemon; empty for none
	Metrics    string      // file for Prometheus; empty for none
	Via        string      // command that receives requests; empty for none
	Issuer     string      // file of an issuer; empty for none
	Jitter     string      // the span over which the runs of many machines are spread; empty for none
	Calendar   string      // when systemd runs it
	Host       string      // the machine's name, which decides cron's minute
	Out        string      // directory or file for the output
	Key        cakey.Reach // of the CA's key; see [Renewal.Look]
	Own        []string    // directories that a renewal at paths of other programs changes; see [Renewal.Look]

	// Watch are directories with key pairs that another program makes: the service then runs
	// install whenever they change, and not renew.
	Watch []string
}

// Prepare makes the paths absolute, and finds the program.
func (r *Renewal) Prepare() error {
	for i := range r.Watch {
		if err := Absolute(&r.Watch[i]); err != nil {
			return err
		}
	}
	for _, path := range []*string{&r.Binary, &r.CA, &r.Metrics, &r.Passphrase, &r.Issuer, &r.Sysconfdir} {
		if err := Absolute(path); err != nil {
			return err
		}
	}
	if r.Binary != "" {
		return nil
	}
	var err error
	if r.Binary, err = os.Executable(); err != nil {
		return hint.With(err, "name the program with --binary")
	}
	return nil
}

// Look finds out which device a machine's CA uses for its key, and at which paths of their own
// its daemons and QEMU read certificates.
func (r *Renewal) Look(m *machine.Machine) error {
	pairs, err := inventory.Here(m).OwnPairs()
	if err != nil {
		return err
	}
	for _, p := range pairs {
		folders := []string{filepath.Dir(filepath.Dir(p.Cert)), filepath.Dir(p.CA)} // a directory is exchanged
		if p.Layout.Apart() {
			folders = []string{filepath.Dir(p.Cert), filepath.Dir(p.Key), filepath.Dir(p.CA)}
		}
		r.Own = append(r.Own, slices.DeleteFunc(folders, func(folder string) bool { return folder == "/" })...)
	}
	ca := libvirt.CA(m.CAPath())
	for _, file := range []libvirt.File{libvirt.CAKey, libvirt.CANextKey} {
		data, err := machine.ReadIfThere(m.Tree(), ca.Path(file))
		if err != nil {
			return err
		}
		r.Key = r.Key.With(cakey.ReachOf(data))
	}
	return nil
}

// UnitsStep returns the step that remains before the units take effect.
func (r *Renewal) UnitsStep() string {
	unit := "virtpki-renew.timer"
	if len(r.Watch) > 0 {
		unit = watchService
	}
	return reloads + "systemctl enable --now " + unit
}

// Units returns a service and its timer, for a prepared renewal; only the service for watched
// directories.
func (r *Renewal) Units() ([]File, error) {
	if err := r.checkReach(); err != nil {
		return nil, err
	}
	if len(r.Watch) > 0 {
		return r.watchUnit()
	}
	t := r.template()
	t.Calendar, t.Delay = r.Calendar, r.Jitter
	t.Network = r.Issuer != "" || r.Via != ""
	for _, name := range libvirt.DaemonNames() {
		t.After = append(t.After, name+".service")
	}
	service, err := templates.Service(t)
	if err != nil {
		return nil, hint.Usage(err)
	}
	timer, err := templates.Timer(t)
	if err != nil {
		return nil, hint.Usage(err)
	}
	files := []File{{Name: "virtpki-renew.service", Text: string(service)}, {Name: "virtpki-renew.timer", Text: string(timer)}}
	for i := range files {
		files[i].Path, files[i].Mode = filepath.Join(r.Out, files[i].Name), fileMode
	}
	return files, nil
}

// Crontab returns the file for cron, for a prepared renewal.
func (r *Renewal) Crontab() ([]File, error) {
	t := r.template()
	if r.Jitter != "" {
		t.Command = append(t.Command, "--jitter="+r.Jitter)
	}
	t.Host = r.Host
	if err := checkCronName(r.Out); err != nil {
		return nil, err
	}
	text, err := templates.Crontab(t)
	if err != nil {
		return nil, hint.Usage(err)
	}
	return []File{{Name: "virtpki", Text: string(text), Path: r.Out, Mode: fileMode}}, nil
}

// Needs returns the paths that have to exist on the machine that runs renew.
func (r *Renewal) Needs() []string {
	needs := append([]string{r.Binary, r.CA, r.Passphrase, r.Issuer}, r.Watch...)
	if r.Metrics != "" {
		needs = append(needs, filepath.Dir(r.Metrics))
	}
	return slices.DeleteFunc(needs, func(path string) bool { return path == "" })
}

// Missing returns a text for each needed file that does not exist on a machine.
func (r *Renewal) Missing(m *machine.Machine) (texts []string) {
	command := "renew"
	if len(r.Watch) > 0 {
		command = "install"
	}
	for _, path := range r.Needs() {
		if !m.Tree().Exists(m.Path(path)) {
			texts = append(texts, termtext.Sprintf("there is no %s: %s needs it where it runs", m.Path(path), command))
		}
	}
	return texts
}

// template returns the values that both forms need.
func (r *Renewal) template() templates.Renewal {
	return templates.Renewal{Command: append([]string{r.Binary, "renew", "--quiet"}, r.arguments()...), Passphrase: r.Passphrase, Writable: r.writable(), Device: r.Key.Device}
}

// arguments returns the arguments of renew that differ from its defaults.
func (r *Renewal) arguments() []string {
	args := slices.Concat(flagArgs("sysconfdir", machine.DefaultSysconfdir(), r.Sysconfdir), flagArgs("ca", "", r.CA), flagArgs("before", "33%", r.Before))
	if r.SameKey {
		args = append(args, "--same-key")
	}
	if r.NoReload {
		args = append(args, "--no-reload")
	}
	return slices.Concat(args, flagArgs("restart-command", "", r.Restart), flagArgs("metrics", "", r.Metrics), flagArgs("via", "", r.Via), flagArgs("issuer", "", r.Issuer))
}

// writable lists the directories that renew writes into. renew exchanges the directory of the key
// pairs with one beside it, so writable returns the directory above both.
func (r *Renewal) writable() []string {
	folders := []string{libvirt.System(r.Sysconfdir).Top()}
	if r.CA != "" {
		folders = append(folders, r.CA)
	}
	if r.Metrics != "" {
		folders = append(folders, filepath.Dir(r.Metrics))
	}
	if r.Key.Directory != "" {
		folders = append(folders, r.Key.Directory)
	}
	folders = append(folders, r.Own...)
	var all []string
	for _, folder := range folders {
		covered := slices.ContainsFunc(all, func(above string) bool { return folder == above || strings.HasPrefix(folder, above+"/") })
		if !covered {
			all = append(all, folder)
		}
	}
	return all
}

// ownToService are directories that a service has for itself, or with contents that only this
// process sees.
var ownToService = []string{"/tmp", "/var/tmp", "/dev", "/proc"}

// checkReach refuses paths that the service would not find.
func (r *Renewal) checkReach() error {
	for _, path := range slices.Concat([]string{r.Binary, r.Passphrase, r.Issuer, r.Metrics}, r.Watch, r.writable()) {
		for _, folder := range ownToService {
			if path == folder || strings.HasPrefix(path, folder+"/") {
				return hint.With(hint.Usagef("%s: the service cannot see the files in %s", path, folder), "put it elsewhere; --binary names the program")
			}
		}
	}
	return nil
}

// checkCronName refuses a name that cron silently ignores: in /etc/cron.d, Debian's cron reads only
// names of letters, digits, "_" and "-" (cron(8)), and others ignore names with a dot.
func checkCronName(path string) error {
	name := filepath.Base(path)
	odd := strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", r)
	})
	if odd && filepath.Base(filepath.Dir(path)) == "cron.d" {
		return hint.Usagef("%s: cron ignores a file with such a name (letters, digits, _ and - are read)", path)
	}
	return nil
}
