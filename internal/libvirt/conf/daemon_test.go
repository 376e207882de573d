package conf

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// daemonScript runs a libvirtd on the configuration that comes on stdin. It is isolated: it has
// its own mounts over everything that it reads and writes, and its own network. The broken
// qemu.conf makes it stop, with exit status 0, once it has started; if it has no QEMU driver,
// the timeout does.
const daemonScript = `
set -e
for dir in /run /var /etc/pki /etc/libvirt; do
	[ ! -d $dir ] || mount -t tmpfs none $dir
done
mkdir -p /var/lib /var/cache /var/log
ln -s /run /var/run
[ ! -d /etc/libvirt ] || echo stop >/etc/libvirt/qemu.conf
cat >/run/test.conf
[ -z "$2" ] || mkdir -p "$2"
exec "$1" --config /run/test.conf --pid-file /run/test.pid --timeout 1
`

// daemonRun is the verdict of a libvirtd on a configuration.
type daemonRun struct {
	started bool
	log     string
}

// overflow reports whether this is a newer libvirt, which refuses f because of a number.
func (r daemonRun) overflow(f form) bool {
	return f.overflow && !r.started && strings.Contains(r.log, "numeric overflow in conf value")
}

func findLibvirtd(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a libvirtd with mounts of its own needs root")
	}
	if _, err := exec.LookPath("unshare"); err != nil {
		t.Skipf("no unshare: %v", err)
	}
	for _, name := range []string{"libvirtd", "/usr/sbin/libvirtd"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no libvirtd")
	return ""
}

// runDaemon starts libvirtd on a configuration. The caller has made sockDir.
func runDaemon(libvirtd, conf, sockDir string) (daemonRun, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var log bytes.Buffer
	cmd := exec.CommandContext(ctx, "unshare", "-mn", "sh", "-c", daemonScript, "sh", libvirtd, sockDir)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "LIBVIRT_LOG_FILTERS=1:daemon 1:conf", "LIBVIRT_LOG_OUTPUTS=1:stderr")
	cmd.Stdin = strings.NewReader(conf)
	cmd.Stderr = &log
	err := cmd.Run()
	if ctx.Err() != nil {
		return daemonRun{}, fmt.Errorf("libvirtd ran into the time limit:\n%s", log.String())
	}
	return daemonRun{err == nil, log.String()}, nil
}

// runDaemons starts libvirtd on each of the forms, several at a time, because it spends its
// time waiting.
func runDaemons(t *testing.T, forms []form) []daemonRun {
	t.Helper()
	libvirtd := findLibvirtd(t)
	runs, errs := make([]daemonRun, len(forms)), make([]error, len(forms))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i, f := range forms {
		slots <- struct{}{}
		wg.Go(func() {
			runs[i], errs[i] = runDaemon(libvirtd, f.conf, sockDirOf(f))
			<-slots
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("%s: %v", forms[i].name, err)
		}
	}
	return runs
}

// sockDirOf returns the unix_sock_dir that our reader finds in f, or "".
func sockDirOf(f form) string {
	c, err := Parse([]byte(f.conf))
	if err != nil {
		return ""
	}
	v, _ := c.Lookup("unix_sock_dir")
	return v.Str()
}

func TestLibvirtdStartsOnAcceptedForms(t *testing.T) {
	for i, run := range runDaemons(t, acceptedForms) {
		f := acceptedForms[i]
		if run.overflow(f) {
			continue
		}
		if !run.started {
			t.Errorf("%s: libvirtd did not start on %q:\n%s", f.name, f.conf, run.log)
		}
		dir := sockDirOf(f)
		if want := fmt.Sprintf("Decided on socket paths '%s/libvirt-sock'", dir); dir != "" && !strings.Contains(run.log, want) {
			t.Errorf("%s: libvirtd does not use the socket directory %q:\n%s", f.name, dir, run.log)
		}
	}
}

func TestLibvirtdRefusesRefusedForms(t *testing.T) {
	for i, run := range runDaemons(t, refusedForms) {
		f := refusedForms[i]
		want := "/run/test.conf: " + f.message
		switch {
		case f.line > 0:
			want = fmt.Sprintf("/run/test.conf:%d: %s", f.line, f.message)
		case strings.HasPrefix(f.message, "'") || strings.HasPrefix(f.message, "minimum"):
			want = f.message
		}
		if run.overflow(f) {
			continue
		}
		if run.started || !strings.Contains(run.log, "Can't load config file") || !strings.Contains(run.log, want) {
			t.Errorf("%s: %q: libvirtd started: %v, want no and %q:\n%s", f.name, f.conf, run.started, want, run.log)
		}
	}
}

// needsLibvirt90 is for tests of things that differ from release to release: which settings
// exist, and how the daemon treats their values once it has read them.
func needsLibvirt90(t *testing.T) {
	t.Helper()
	out, err := exec.Command(findLibvirtd(t), "--version").Output()
	if err != nil || !strings.Contains(string(out), " 9.0.") {
		t.Skipf("the settings are those of libvirt 9.0, here is %q (%v)", out, err)
	}
}

func TestLibvirtdShowsValues(t *testing.T) {
	needsLibvirt90(t)
	for i, run := range runDaemons(t, shownForms) {
		f := shownForms[i]
		if !strings.Contains(run.log, f.message) {
			t.Errorf("%s: %q: libvirtd does not say %q:\n%s", f.name, f.conf, f.message, run.log)
		}
	}
}

// Every setting that we know gets a value of a type that none accepts, a list of a number.
// libvirtd must complain of each, with the same words and in the same order.
func TestLibvirtdKnowsTheSameSettings(t *testing.T) {
	needsLibvirt90(t)
	var forms []form
	for i := range libvirtdSettings {
		var b strings.Builder
		for _, s := range slices.Backward(libvirtdSettings[i:]) {
			fmt.Fprintf(&b, "%s = [1]\n", s.name)
		}
		forms = append(forms, form{name: libvirtdSettings[i].name, conf: b.String()})
	}
	for i, run := range runDaemons(t, forms) {
		err := mustParse(t, forms[i].conf).CheckDaemon()
		ce, ok := err.(*Error)
		if !ok {
			t.Fatalf("%s: got error %v", forms[i].name, err)
		}
		words, _, _ := strings.Cut(ce.Msg, " (")
		if run.started || !strings.Contains(words, "'"+forms[i].name+"'") || !strings.Contains(run.log, "/run/test.conf: "+words) {
			t.Errorf("%s: we say %q, libvirtd:\n%s", forms[i].name, ce.Msg, run.log)
		}
	}
}

// libvirtd asks for as many settings as we know, in the same order of types: we
// have not forgotten one.
func TestLibvirtdKnowsNoOtherSettings(t *testing.T) {
	needsLibvirt90(t)
	words := map[settingKind]string{boolSetting: "bool", uintSetting: "uint", intSetting: "int",
		stringSetting: "string", authSetting: "string", listSetting: "string list"}
	var want []string
	for _, s := range libvirtdSettings {
		want = append(want, words[s.kind])
	}
	run := runDaemons(t, []form{{name: "empty file"}})[0]
	var got []string
	for _, m := range regexp.MustCompile(`: Get value ([a-z ]+) \(nil\)`).FindAllStringSubmatch(run.log, -1) {
		got = append(got, m[1])
	}
	if !slices.Equal(got, want) {
		t.Errorf("libvirtd asks for\n%q, we have\n%q", got, want)
	}
}

// libvirtd reads a value that Set has written: the socket directory is where the value says.
func TestLibvirtdReadsWhatSetWrites(t *testing.T) {
	dirs := []string{"/run/a", "/run/it's", `/run/"a"`, `/run/it's "a" b`, `/run/\`, "/run/a\nb", "/run/a\rb", "/run/é #;[]"}
	files := []string{"", "#unix_sock_dir = \"/run/libvirt\"\r\nlisten_tls = 1\r\n", "unix_sock_dir = [\n1\n]; listen_tls = 1 # x", "listen_tls = 1"}
	var forms []form
	for i, dir := range dirs {
		c := mustParse(t, files[i%len(files)])
		for name, v := range map[string]Value{"unix_sock_dir": StringValue(dir), "tls_allowed_dn_list": ListValue(dirs), "listen_tls": IntValue(0)} {
			if err := c.Set(name, v); err != nil {
				t.Fatal(err)
			}
		}
		forms = append(forms, form{name: dir, conf: string(c.Bytes())})
	}
	for i, run := range runDaemons(t, forms) {
		if want := "Decided on socket paths '" + dirs[i] + "/libvirt-sock'"; !run.started || !strings.Contains(run.log, want) {
			t.Errorf("%q: libvirtd started: %v, want yes and %q:\n%s", forms[i].conf, run.started, want, run.log)
		}
	}
}

// TestNames wants names that a configuration file can have, none in use and gone at once.
func TestNames(t *testing.T) {
	for _, names := range [][]string{DaemonNames(), QEMUNames()} {
		for _, name := range names {
			if !isName(name) || Gone(name) {
				t.Errorf("%q is not the name of a setting", name)
			}
		}
	}
	if slices.Contains(DaemonNames(), "vnc_tls") || !slices.Contains(QEMUNames(), "vnc_tls") || !Gone("mdns_adv") {
		t.Error("a setting stands in the wrong list")
	}
}
