package hostconf

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/inventory"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/machine"
)

// imageWith returns a machine in an image with these files.
func imageWith(t *testing.T, files map[string]string) *machine.Machine {
	t.Helper()
	m := machine.New()
	m.Root, m.Sysconfdir = t.TempDir(), "/etc"
	for name, text := range files {
		path := m.Path(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// applied runs a plan and returns the notes.
func applied(t *testing.T, m *machine.Machine, plan func(*change.Job) error) ([]string, error) {
	t.Helper()
	j, err := change.Run(t.Context(), m, change.Options{Lock: []string{m.Root}, Track: change.NewTracker()}, plan)
	if err != nil {
		return nil, err
	}
	return slices.Concat(j.Notes, j.Steps), nil
}

func read(t *testing.T, m *machine.Machine, name string) string {
	t.Helper()
	data, err := os.ReadFile(m.Path(name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(data)
}

func noted(notes []string, text string) bool {
	return slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, text) })
}

// TestDaemon checks the entries that are written into a daemon's configuration, and the notes.
func TestDaemon(t *testing.T) {
	const nothing libvirt.File = -1
	for _, test := range []struct {
		name    string
		daemon  Daemon
		missing libvirt.File // that is not there; the others are
		conf    string
		want    string // of the configuration
		note    string // one of them; with ! none
		refused string
	}{
		{"all four files", Daemon{}, nothing, "", `crl_file = "/etc/pki/CA/cacrl.pem"`, "restart libvirtd", ""},
		{"without a CRL the defaults hold", Daemon{}, libvirt.CACRL, "", "listen_tls = 1", "!stays", ""},
		{"somebody else restarts", Daemon{Restarted: true}, nothing, "", "listen_tls = 1", "!restart", ""},
		{"no server certificate", Daemon{}, libvirt.ServerCert, "", "listen_tls = 1", "there is no server certificate", ""},
		{"the list", Daemon{Allow: []string{"CN=a"}}, nothing, "", "tls_allowed_dn_list = [\n  \"CN=a\"\n]", "", ""},
		{"the list lets the client in", Daemon{Allow: []string{"CN=*"}, Client: "CN=b"}, nothing, "", `"CN=*"`, "", ""},
		{"the list locks the client out", Daemon{Allow: []string{"CN=a"}, Client: "CN=b"}, nothing, "", "", "", "would refuse"},
		{"and is forced", Daemon{Allow: []string{"CN=a"}, Client: "CN=b", Force: true}, nothing, "", `"CN=a"`, "", ""},
		{"a setting that stands twice", Daemon{}, nothing, "log_level = 1\nlog_level = 2\n", "log_level = 1\nlog_level = 2\n", "is set on lines 1, 2", ""},
		{"everybody gets in", Daemon{}, nothing, "tls_no_verify_certificate = 1\n", "listen_tls = 1", "admits every client", ""},
		{"files that stay", Daemon{}, libvirt.CACRL, `ca_file = "/a"` + "\n", `ca_file = "/a"`, "stays", ""},
		{"a comment is kept", Daemon{}, nothing, "# mine\n", "# mine\n", "", ""},
		{"not a configuration", Daemon{}, nothing, "x = [\n", "", "", "not closed"},
	} {
		m := imageWith(t, map[string]string{"/etc/libvirt/libvirtd.conf": test.conf})
		found, err := libvirt.FindDaemon("libvirtd")
		if err != nil {
			t.Fatal(err)
		}
		d := test.daemon
		d.List = inventory.Of(t.Context(), m)
		d.Daemon = d.List.Daemon(found)
		d.Present = func(f libvirt.File) bool { return f != test.missing }
		notes, err := applied(t, m, func(j *change.Job) error { return d.Plan(j, m) })
		if test.refused != "" {
			if err == nil || !strings.Contains(err.Error(), test.refused) {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if text := read(t, m, "/etc/libvirt/libvirtd.conf"); err != nil || !strings.Contains(text, test.want) {
			t.Errorf("%s: %v\n%s", test.name, err, text)
		}
		if not, ok := strings.CutPrefix(test.note, "!"); ok && noted(notes, not) || !ok && !noted(notes, test.note) {
			t.Errorf("%s: notes %q", test.name, notes)
		}
		if notes, err := applied(t, m, func(j *change.Job) error { return d.Plan(j, m) }); err != nil || noted(notes, "restart") {
			t.Errorf("%s: again: %q, %v", test.name, notes, err)
		}
	}
}

// TestKeepOld keeps the file from before the first edit for ever, and the file from before the last
// edit.
func TestKeepOld(t *testing.T) {
	const path = "/etc/libvirt/libvirt.conf"
	m := imageWith(t, map[string]string{path: "first = 1\n"})
	write := func(uri string) error {
		c := Clients{Path: m.Path(path), Default: uri}
		_, err := applied(t, m, c.Plan)
		return err
	}
	for i, uri := range []string{"qemu:///system", "qemu:///session", "qemu:///embed"} {
		before := read(t, m, path)
		if err := write(uri); err != nil {
			t.Fatal(err)
		}
		if first := read(t, m, path+".old"); first != "first = 1\n" {
			t.Errorf("edit %d: .old is %q", i, first)
		}
		if last := read(t, m, path+".virtpki-old"); i > 0 && !strings.HasSuffix(last, "\n"+before) || i == 0 && last != "" {
			t.Errorf("edit %d: .virtpki-old is %q", i, last)
		}
	}
	if info, err := os.Stat(m.Path(path)); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(m.Path(path+".virtpki-old"), []byte("somebody's\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := write("test:///default"); err == nil {
		t.Error("somebody's file is replaced")
	} else if text, _ := hint.Of(err); !strings.HasPrefix(text, "move it away: mv ") {
		t.Errorf("hint %q", text)
	}
}

func TestParseAliases(t *testing.T) {
	for _, test := range []struct {
		args []string
		uri  string // of the first
		bad  bool
	}{
		{[]string{"hail=hv1.example"}, "qemu+tls://hv1.example/system", false},
		{[]string{"hail=192.0.2.1"}, "qemu+tls://192.0.2.1/system", false},
		{[]string{"hail=fd09::7"}, "qemu+tls://[fd09::7]/system", false},
		{[]string{"hail=test+tls://hv1/default"}, "test+tls://hv1/default", false},
		{[]string{"a_B-1=hv1", "b=hv2"}, "qemu+tls://hv1/system", false},
		{[]string{"hail"}, "", true},
		{[]string{"hail="}, "", true},
		{[]string{"ha il=hv1"}, "", true},
		{[]string{"hail=hv 1"}, "", true},
		{[]string{"hail=\"://"}, "", true},
		{[]string{"hail=:/x"}, "", true},
		{[]string{"hail=hv1", "hail=hv2"}, "", true},
	} {
		got, err := ParseAliases(test.args)
		if (err != nil) != test.bad || err == nil && (len(got) != len(test.args) || got[0].uri != test.uri) {
			t.Errorf("%q: %v, %v", test.args, got, err)
		}
	}
}

// TestClients merges aliases into the existing ones, and resolves the default.
func TestClients(t *testing.T) {
	const there = "uri_aliases = [ \"hail=qemu+tls://old/system\", \"mine=qemu:///session\" ]\n"
	for _, test := range []struct {
		name    string
		aliases []string
		uri     string
		want    []string // aliases
		to      string   // uri_default
		bad     bool
	}{
		{"in its place", []string{"hail=hv1"}, "", []string{"hail=qemu+tls://hv1/system", "mine=qemu:///session"}, "", false},
		{"behind the others", []string{"new=hv2"}, "", []string{"hail=qemu+tls://old/system", "mine=qemu:///session", "new=qemu+tls://hv2/system"}, "", false},
		{"a default that is there", nil, "mine", nil, "qemu:///session", false},
		{"a default that comes", []string{"new=hv2"}, "new", []string{"hail=qemu+tls://old/system", "mine=qemu:///session", "new=qemu+tls://hv2/system"}, "qemu+tls://hv2/system", false},
		{"a host", nil, "hv3", nil, "qemu+tls://hv3/system", false},
		{"neither", nil, "no host", nil, "", true},
	} {
		m := imageWith(t, map[string]string{"/etc/libvirt/libvirt.conf": there})
		aliases, err := ParseAliases(test.aliases)
		if err != nil {
			t.Fatal(err)
		}
		c := Clients{Path: m.Path("/etc/libvirt/libvirt.conf"), Aliases: aliases, Default: test.uri}
		settings, err := c.Settings(m.Tree())
		if test.bad {
			if !hint.IsUsage(err) {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		var want []libvirt.Setting
		if test.want != nil {
			want = append(want, libvirt.Setting{Name: "uri_aliases", Value: conf.ListValue(test.want)})
		}
		if test.to != "" {
			want = append(want, libvirt.Setting{Name: "uri_default", Value: conf.StringValue(test.to)})
		}
		same := func(a, b libvirt.Setting) bool { return a.Name == b.Name && a.Value.Equal(b.Value) }
		if err != nil || !slices.EqualFunc(settings, want, same) {
			t.Errorf("%s: %v, %v", test.name, settings, err)
		}
	}
}

// TestLookQEMU requires files for each use: without any a guest would not start.
func TestLookQEMU(t *testing.T) {
	use := func(names ...string) (uses []libvirt.QEMUUse) {
		for _, name := range names {
			u, err := libvirt.FindQEMUUse(name)
			if err != nil {
				t.Fatal(err)
			}
			uses = append(uses, u)
		}
		return uses
	}
	for _, test := range []struct {
		name    string
		folders []string
		uses    []libvirt.QEMUUse
		want    []string // uses
		hint    string
	}{
		{"what has a folder", []string{"qemu", "libvirt-vnc"}, nil, []string{"qemu", "vnc"}, ""},
		{"what is asked for", []string{"qemu"}, use("vnc"), []string{"vnc"}, ""},
		{"a folder of its own", []string{"libvirt-vnc"}, use("vnc"), []string{"vnc"}, ""},
		{"no folder", nil, use("vnc"), nil, "bootstrap --with vnc"},
		{"one of two", []string{"libvirt-vnc"}, use("vnc", "spice"), nil, "bootstrap --with spice"},
		{"nothing at all", nil, nil, nil, "bootstrap --with qemu"},
	} {
		files := make(map[string]string)
		for _, folder := range test.folders {
			files["/etc/pki/"+folder+"/ca-cert.pem"] = ""
		}
		q, err := LookQEMU(imageWith(t, files), libvirt.QEMUConfig{Uses: test.uses})
		if test.hint != "" {
			if text, _ := hint.Of(err); !strings.Contains(text, test.hint) {
				t.Errorf("%s: %v, hint %q", test.name, err, text)
			}
			continue
		}
		var got []string
		for _, u := range q.Uses {
			got = append(got, u.Name)
		}
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, %v", test.name, got, err)
		}
	}
}

// TestLookQEMUUnseen distinguishes a directory that cannot be inspected from a missing one.
func TestLookQEMUUnseen(t *testing.T) {
	m := imageWith(t, nil)
	if err := os.MkdirAll(m.Path("/etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("pki", m.Path("/etc/pki")); err != nil { // a loop
		t.Fatal(err)
	}
	if _, err := LookQEMU(m, libvirt.QEMUConfig{}); err == nil || strings.Contains(err.Error(), "missing") {
		t.Errorf("error %v", err)
	}
}

// TestSettings shows each kind of value, in words and as JSON.
func TestSettings(t *testing.T) {
	s := Settings{{Name: "n", Value: conf.IntValue(1)}, {Name: "s", Value: conf.StringValue("a")}, {Name: "l", Value: conf.ListValue([]string{"b"})}}
	if got, want := string(s.Text()), "n = 1\ns = \"a\"\nl = [\n  \"b\"\n]\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if data, err := json.Marshal(s.JSON()); err != nil || string(data) != `{"l":["b"],"n":1,"s":"a"}` {
		t.Errorf("%s, %v", data, err)
	}
}
