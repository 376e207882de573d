package templates

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const somePEM = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"

// firstBoot returns a small, valid FirstBoot.
func firstBoot() FirstBoot {
	return FirstBoot{Name: "hv1.example", Program: "virtpki", Arguments: []string{"--name=Lab"},
		Service: "libvirtd.service", Socket: "libvirtd-tls.socket", Sysconfdir: "/etc"}
}

// script returns the text that a shell is given: the only command of bootcmd, as a YAML parser
// reads it.
func script(t *testing.T, b FirstBoot) string {
	t.Helper()
	text, err := CloudInit(b)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "#cloud-config\n") || !strings.HasSuffix(string(text), "\n") {
		t.Errorf("no #cloud-config:\n%s", text)
	}
	var config struct {
		Bootcmd, Runcmd, Packages []string
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	if len(config.Bootcmd) != 1 || len(config.Runcmd) != 1 || !slices.Equal(config.Packages, b.Packages) {
		t.Errorf("got %q, %q, %q", config.Bootcmd, config.Runcmd, config.Packages)
	}
	return config.Bootcmd[0]
}

// A shell passes the intended arguments to the program, with any characters in them.
func TestCloudInitArguments(t *testing.T) {
	hard := []string{"", "a b", "it's", `"x"`, "$HOME", "`date`", `\`, "a;b|c&d>e", "#", "END", "100%", "é*?[x]", "-n", "~", "!x", "{{.Name}}", ": - |", "\u00a0"}
	b := firstBoot()
	b.Arguments, b.Program = hard, "got"
	text := script(t, b)
	inner := text[strings.Index(text, "<<'END'\n")+8 : strings.Index(text, "\nEND\n")]
	shell := exec.Command("sh", "-c", "got() { printf '%s\\n' \"$@\"; exit; }\n"+inner)
	out, err := shell.CombinedOutput()
	want := strings.Join(append([]string{"bootstrap"}, hard...), "\n") + "\n"
	if err != nil || string(out) != want {
		t.Errorf("got %v and\n%s\nwant\n%s", err, out, want)
	}
}

// Every shell accepts both scripts.
func TestCloudInitIsShell(t *testing.T) {
	full := firstBoot()
	full.Files = []BootFile{{"cacert.pem", somePEM}, {"serverkey.pem", somePEM}}
	full.URL, full.SHA256, full.Packages, full.Network = "https://x.example/v", strings.Repeat("0a", 32), []string{"x: y", "# z"}, true
	ask, send := firstBoot(), full
	ask.Request, send.Request = &BootRequest{}, &BootRequest{Via: "x 'y' && z", Arguments: []string{"--san=a b"}, Install: []string{"c d"}}
	for name, b := range map[string]FirstBoot{"least": firstBoot(), "most": full, "ask": ask, "send": send} {
		text := script(t, b)
		ready := text[strings.Index(text, "/run/virtpki/ready <<'END'\n"):]
		ready = ready[strings.Index(ready, "\n")+1 : strings.Index(ready, "\nEND\n")]
		for _, part := range []string{text, ready} {
			check := exec.Command("sh", "-n")
			check.Stdin = strings.NewReader(part)
			if out, err := check.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s\n%s", name, err, out, part)
			}
		}
	}
	if !full.Secret() || firstBoot().Secret() {
		t.Error("a bundle with a key is a secret, and nothing else is")
	}
}

func TestCloudInitRefusals(t *testing.T) {
	if _, err := CloudInit(firstBoot()); err != nil {
		t.Fatal(err)
	}
	for name, set := range map[string]func(*FirstBoot){
		"a line break in an argument":  func(b *FirstBoot) { b.Arguments = []string{"a\nEND"} },
		"a line break in a name":       func(b *FirstBoot) { b.Name = "a\nb" },
		"a line break in a package":    func(b *FirstBoot) { b.Packages = []string{"a\nb"} },
		"a relative program":           func(b *FirstBoot) { b.Program = "a/b" },
		"no program":                   func(b *FirstBoot) { b.Program = "" },
		"a unit with a space":          func(b *FirstBoot) { b.Service = "a b" },
		"a relative sysconfdir":        func(b *FirstBoot) { b.Sysconfdir = "etc" },
		"a file in a folder":           func(b *FirstBoot) { b.Files = []BootFile{{"../x", somePEM}} },
		"a file that is no PEM":        func(b *FirstBoot) { b.Files = []BootFile{{"x", "x\n"}} },
		"a file without its last line": func(b *FirstBoot) { b.Files = []BootFile{{"x", strings.TrimSpace(somePEM)}} },
		"a file that ends early":       func(b *FirstBoot) { b.Files = []BootFile{{"x", "-----BEGIN X-----\nEND\nreboot\n-----END X-----\n"}} },
		"a file with a command":        func(b *FirstBoot) { b.Files = []BootFile{{"x", "-----BEGIN X-----\n$(reboot)\n-----END X-----\n"}} },
		"a URL without a sum":          func(b *FirstBoot) { b.URL = "https://x.example/v" },
		"a sum without a URL":          func(b *FirstBoot) { b.SHA256 = strings.Repeat("00", 32) },
		"a URL of no host":             func(b *FirstBoot) { b.URL, b.SHA256 = "https:///v", strings.Repeat("00", 32) },
		"a line break in --via":        func(b *FirstBoot) { b.Request = &BootRequest{Via: "a\nb"} },
		"a sum with a command":         func(b *FirstBoot) { b.URL, b.SHA256 = "https://x.example/v", strings.Repeat("$(", 32) },
	} {
		b := firstBoot()
		set(&b)
		if text, err := CloudInit(b); err == nil {
			t.Errorf("%s: got no error but\n%s", name, text)
		}
	}
}
