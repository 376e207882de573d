package systemd

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// generator is the program of systemd's that reads environment files and prints the variables
// that they set.
const generator = "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator"

// Environment files are read as systemd reads them: those of the table, and random ones. The
// generator puts variables in, which EnvironmentFile= does not; so the texts do not contain a
// dollar. Where systemd is not installed only the table is tested.
func TestEnvFileGenerator(t *testing.T) {
	var texts []string
	for _, c := range envFiles {
		texts = append(texts, c.text)
	}
	if _, err := os.Stat(generator); err != nil {
		t.Logf("systemd's generator is not here: %v", err)
		texts = nil
	} else {
		r := rand.New(rand.NewPCG(15, 8))
		for range 300 {
			texts = append(texts, randomText(r))
		}
	}
	always := make(map[string]string)
	if texts != nil {
		always = generated(t, "")
	}
	for _, text := range texts {
		all, _ := parseEnvFile([]byte(text))
		want := make(map[string]string)
		all = slices.DeleteFunc(all, func(v variable) bool { return v.value == "" }) // which the generator passes over
		for _, v := range set(all) {
			want[v.name] = v.value
		}
		for name, value := range generated(t, text) {
			if want[name] != value && always[name] != value {
				t.Errorf("%q: systemd has %s=%q, we have %q", text, name, value, want[name])
			}
			delete(want, name)
		}
		if len(want) > 0 {
			t.Errorf("%q: systemd does not have %q", text, want)
		}
	}
}

// pieces are the parts of random files.
var pieces = []string{"A", "B", "_C", "=", " ", " ", "\t", "\n", "\n", "\r\n", "\"", "\"", "'", "\\", "#", ";", "x", "y z", "é", "-l", "\\n"}

func randomText(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(3) {
		b.WriteString(pieces[r.IntN(3)] + "=")
		for range r.IntN(10) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
	}
	return b.String()
}

// generated returns the variables that systemd reads from an environment file. It prints values
// with the escapes of C in quotes where they need any.
func generated(t *testing.T, text string) map[string]string {
	home := t.TempDir()
	folder := filepath.Join(home, "environment.d")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "a.conf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(generator)
	cmd.Env = []string{"XDG_CONFIG_HOME=" + home, "HOME=" + home, "XDG_CONFIG_DIRS=" + home, "SYSTEMD_LOG_LEVEL=err"}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v: %s", text, err, &stderr)
	}
	got := make(map[string]string)
	all, ok := parseShown(out)
	if !ok {
		t.Fatalf("%q: systemd prints %q", text, out)
	}
	for _, v := range all {
		got[v.name] = v.value
	}
	return got
}

// parseShown reads NAME=VALUE lines as the generator prints them: bare, or in quotes with
// the escapes of C.
func parseShown(out []byte) (all []variable, ok bool) {
	for line := range strings.Lines(string(out)) {
		name, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		value = strings.TrimPrefix(value, "$")
		if strings.HasPrefix(value, "'") || strings.HasPrefix(value, `"`) {
			words, err := splitting{unescape: true}.split(value)
			found = found && err == nil && len(words) == 1
			value = strings.Join(words, " ")
		}
		if !found {
			return nil, false
		}
		all = append(all, variable{name, value})
	}
	return all, true
}

// FuzzService holds the readers to their limits: no text makes them fail, and their results are
// made of the text.
func FuzzService(f *testing.F) {
	for _, c := range envFiles {
		f.Add("[Service]\nExecStart=/usr/sbin/libvirtd $A\n", c.text)
	}
	f.Add("[Service]\nEnvironment=\"A=x y\" B=%n\nEnvironmentFile=-/e*\nExecStart=-@/a b ; c ${A}$$ \\; %%\n", "A=1")
	f.Fuzz(func(t *testing.T, unit, env string) {
		root := t.TempDir()
		write(t, root, map[string]string{"etc/systemd/system/x.service": unit, "e": env})
		assignments, _ := parseUnit([]byte(unit))
		for _, a := range assignments {
			if strings.ContainsAny(a.key+a.section, "\n\r") {
				t.Errorf("a key of two lines: %q", a)
			}
		}
		m := at(root)
		service, err := m.Service("x.service")
		if err != nil {
			return
		}
		for _, c := range service.commands {
			if len(c.words) == 0 {
				t.Error("a command of no words")
			}
			left := maxArgs
			if got, ok := c.argv(service.env, &left); ok && len(got) == 0 && !strings.HasPrefix(c.words[0], "$") {
				t.Errorf("%q comes to nothing", c.words)
			}
		}
		for name := range service.env {
			if !validName(name) {
				t.Errorf("a variable %q", name)
			}
		}
		again, err := m.Service("x.service")
		if err != nil || fmt.Sprint(again) != fmt.Sprint(service) || !slices.Equal(again.Wants, service.Wants) {
			t.Error("read twice it is another")
		}
	})
}
