package generate

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"virtpki/internal/change"
	"virtpki/internal/machine"
)

// Which units are written where a package has some, and which step remains.
func TestPackagedUnits(t *testing.T) {
	const (
		admin    = "etc/systemd/system/"
		packaged = "usr/lib/systemd/system/"
		service  = "virtpki-renew.service"
		timer    = "virtpki-renew.timer"
		text     = "# Written by: virtpki generate systemd\n[Timer]\n"
		enable   = "systemctl enable --now " + timer
	)
	both := map[string]string{packaged + service: "service", packaged + timer: text}
	with := func(path, text string) map[string]string {
		files := map[string]string{path: text}
		for path, text := range both {
			if files[path] == "" {
				files[path] = text
			}
		}
		return files
	}
	for _, c := range []struct {
		name    string
		files   map[string]string // that are there; "->" stands before the target of a link
		out     string
		written []string
		step    string
	}{
		{"no package", nil, admin, []string{service, timer}, reloads + enable},
		{"the package's are the same", both, admin, nil, enable},
		{"they are enabled", with(admin+"timers.target.wants/"+timer, "->/"+packaged+timer), admin, nil, ""},
		{"another timer", with(packaged+timer, "hourly"), admin, []string{timer}, reloads + enable},
		{"a later place has the same", with("usr/local/lib/systemd/system/"+timer, "hourly"), admin, []string{timer}, reloads + enable},
		{"an old directory", map[string]string{"lib/systemd/system/" + service: "service", "lib/systemd/system/" + timer: text}, admin, nil, enable},
		{"an administrator's other unit", with(admin+timer, "# Written by: virtpki generate systemd\n"), admin, []string{timer}, reloads + enable},
		{"an administrator's same unit", with(admin+timer, text), admin, nil, enable},
		{"an administrator's same unit is enabled", map[string]string{packaged + service: "service", admin + timer: text, admin + "timers.target.wants/" + timer: "->../" + timer}, admin, nil, ""},
		{"another directory", both, "units/", []string{service, timer}, reloads + enable},
	} {
		root := t.TempDir()
		for path, text := range c.files {
			lay(t, filepath.Join(root, path), text)
		}
		m := machine.New()
		m.Root = root
		j := change.NewJob(m)
		var units []File
		for name, text := range map[string]string{service: "service", timer: text} {
			units = append(units, File{Name: name, Text: text, Path: filepath.Join(root, c.out, name), Mode: fileMode})
		}
		if err := Plan(j, units, false, reloads+enable); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		var written []string
		for _, change := range j.Plan.Changes() {
			if !change.Dir {
				written = append(written, filepath.Base(change.Path))
			}
		}
		slices.Sort(written)
		if !slices.Equal(written, c.written) {
			t.Errorf("%s: %q are written, want %q", c.name, written, c.written)
		}
		if step := slices.Concat(j.Steps, []string{""})[0]; step != c.step {
			t.Errorf("%s: the step is %q, want %q", c.name, step, c.step)
		}
		if told := len(j.Done) > 0; told != (len(written) < 2) {
			t.Errorf("%s: tells %q", c.name, j.Done)
		}
	}
}

// A masked unit is a link, which virtpki does not replace.
func TestPackagedUnitIsMasked(t *testing.T) {
	root := t.TempDir()
	file := File{Name: "virtpki-renew.timer", Text: "timer", Path: filepath.Join(root, adminUnits, "virtpki-renew.timer"), Mode: fileMode}
	lay(t, filepath.Join(root, packageUnits[1], file.Name), file.Text)
	lay(t, file.Path, "->/dev/null")
	m := machine.New()
	m.Root = root
	if err := Plan(change.NewJob(m), []File{file}, false, "step"); err == nil {
		t.Error("the mask is passed over")
	}
}

// lay writes a file, or a link if "->" stands before its target.
func lay(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func() error { return os.WriteFile(path, []byte(text), 0o644) }
	if len(text) > 2 && text[:2] == "->" {
		write = func() error { return os.Symlink(text[2:], path) }
	}
	if err := write(); err != nil {
		t.Fatal(err)
	}
}
