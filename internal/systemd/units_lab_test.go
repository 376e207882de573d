package systemd

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"virtpki/internal/lab"
)

// systemdPackages are the packages of the scripts that boot, so that one root serves both.
var systemdPackages = []string{"cloud-init", "cron", "systemd"}

// bootScript has systemd as the first process, with nothing to start, and waits until it answers.
const bootScript = `
chmod 0755 /root/spy
boot test.target >/dev/null 2>&1 &
for i in $(seq 300); do
	inside systemctl is-active test.target >/dev/null 2>&1 && break
	sleep 0.1
done`

// spyScript writes its arguments into a file of its own name, each with a NUL behind it. The
// first command of a service counts.
const spyScript = "#!/bin/sh\nmkdir -p /var/spied\n[ -e /var/spied/${0##*/} ] || { for a; do printf '%s\\0' \"$a\"; done; } >/var/spied/${0##*/}\n"

// TestServicesAgainstSystemd has systemd itself start services of random units, drop-ins and
// environment files. It must start the commands that [Machine.Service] returns. VIRTPKI_SETS
// says how many, VIRTPKI_SEED repeats a run.
func TestServicesAgainstSystemd(t *testing.T) {
	for _, release := range lab.Tested(t) {
		t.Run(release.String(), func(t *testing.T) { servicesOn(t, release) })
	}
}

func servicesOn(t *testing.T, release lab.Release) {
	root, err := lab.Root(t.Context(), release, systemdPackages...)
	if err != nil {
		t.Fatal(err)
	}
	boot, err := lab.BootFiles("../lab/systemd")
	if err != nil {
		t.Fatal(err)
	}
	host, err := lab.NewHost(t.Context(), lab.HostConfig{Root: root, Name: "hv1", Files: boot})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })

	n, seed := number(t, "VIRTPKI_SETS", 60), number(t, "VIRTPKI_SEED", uint64(rand.Uint32()))
	t.Logf("%d units, VIRTPKI_SEED=%d", n, seed)
	r := randomUnits{rand.New(rand.NewPCG(seed, 1))}
	tree := t.TempDir()
	write(t, tree, files{"etc/systemd/system/test.target": "[Unit]\nRequires=basic.target\nAllowIsolate=yes\n", "root/spy": spyScript})
	for i := range n {
		write(t, tree, r.unit(fmt.Sprintf("spy%d", i)))
	}
	if err := host.Put(t.Context(), tree, "/root/tree"); err != nil {
		t.Fatal(err)
	}
	script := "cp -a /root/tree/. / && for i in $(seq 0 $(($1 - 1))); do ln /root/spy /usr/local/bin/spy$i; done\n" + bootScript + `
for i in $(seq 0 $(($1 - 1))); do inside systemctl start spy$i.service 2>/dev/null || true; done`
	if _, err := host.Output(t.Context(), "sh", "-ec", script, "sh", fmt.Sprint(n)); err != nil {
		t.Fatal(err)
	}
	told := 0
	for i := range n {
		name := fmt.Sprintf("spy%d", i)
		want := spied(t, host, name)
		got := argvOf(tree, name)
		if want != nil {
			told++
		}
		if !slices.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%s: systemd starts it with %q, we say %q\n%s", name, want, got, unitText(t, host, name))
		}
	}
	if told < int(n)/2 {
		t.Errorf("systemd has started %d of %d services", told, n)
	}
}

// argvOf returns our result for a service: its arguments, nil where nothing would start.
func argvOf(tree, name string) []string {
	service, err := at(tree).Service(name + ".service")
	if err != nil {
		return nil
	}
	argv, ok := service.Argv(name)
	if !ok {
		return nil
	}
	texts := []string{}
	for _, arg := range argv[1:] {
		texts = append(texts, arg.Text)
	}
	return texts
}

// spied returns the arguments that systemd has started; nil where it has started nothing.
func spied(t *testing.T, host *lab.Host, name string) []string {
	out, err := host.Output(t.Context(), "inside", "sh", "-c", "[ ! -f /var/spied/$1 ] || { echo; cat /var/spied/$1; }", "sh", name)
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		return nil
	}
	words := strings.Split(string(out[1:]), "\x00")
	return words[:len(words)-1]
}

// unitText returns the files that systemd has read.
func unitText(t *testing.T, host *lab.Host, name string) string {
	out, err := host.Output(t.Context(), "inside", "sh", "-c", "systemctl cat $1.service; head -n 50 /etc/default/$1* 2>/dev/null; systemctl status $1.service | tail -n 4; true", "sh", name)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

func number(t *testing.T, variable string, otherwise uint64) uint64 {
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// randomUnits makes units as administrators and packages write them, and some that nobody
// should write.
type randomUnits struct{ *rand.Rand }

func (r randomUnits) one(of ...string) string { return of[r.IntN(len(of))] }

// unit is a service with its drop-ins and environment files.
func (r randomUnits) unit(name string) files {
	all := files{}
	places := []string{"usr/lib", "etc", "usr/local/lib"}
	for range 1 + r.IntN(2) {
		text := r.section(name, true)
		if r.IntN(25) == 0 {
			text = r.one("", "-> /dev/null")
		}
		all[filepath.Join(r.one(places...), "systemd/system", name+".service")] = text
	}
	for range r.IntN(4) {
		text := r.section(name, false)
		if r.IntN(8) == 0 {
			text = r.one("", "-> /dev/null")
		}
		all[filepath.Join(r.one(places...), "systemd/system", name+".service.d", r.one("10-a.conf", "20-b.conf", "override.conf", "not-read.txt"))] = text
	}
	for _, suffix := range []string{"", ".more", "-x.env", "-y.env"} {
		all["etc/default/"+name+suffix] = r.environment()
	}
	return all
}

// section leaves UnsetEnvironment= out. The systemd of Debian 14 puts variables into a command
// line before it removes them; older releases do so after that.
func (r randomUnits) section(name string, whole bool) string {
	lines := []string{"[Service]"}
	if whole {
		lines = append(lines, "Type=oneshot")
	}
	for range 1 + r.IntN(4) {
		switch r.IntN(7) {
		case 0, 1:
			lines = append(lines, "Environment="+r.assignments())
		case 2:
			lines = append(lines, r.one("EnvironmentFile=-/etc/default/"+name, "EnvironmentFile=/etc/default/"+name+".more", "EnvironmentFile=-/etc/default/"+name+"-*.env", "EnvironmentFile=-/nowhere"))
		case 3:
			lines = append(lines, r.one("Environment=", "EnvironmentFile=", "# ExecStart=/bin/false", ";"))
		case 4:
			lines = append(lines, r.one("  Environment = "+r.assignments(), "Environment="+r.assignments()+" \\", "Environment="+r.assignments()+" \\\n  "+r.assignments(), "Documentation=man:x"))
		case 5:
			if !whole {
				lines = append(lines, "ExecStart=", "ExecStart="+r.command(name))
			}
		default:
			lines = append(lines, r.one("[Unit]\nDescription=x\n[Service]", "RemainAfterExit=no"))
		}
	}
	if whole {
		lines = append(lines, "ExecStart="+r.command(name))
	}
	return strings.Join(lines, "\n") + "\n"
}

func (r randomUnits) command(name string) string {
	words := []string{r.one("", "-", "+", "!", ":", "-:") + "/usr/local/bin/" + name}
	for range r.IntN(5) {
		words = append(words, r.one("$A", "${A}", "$B", "${B}x", "x${A}${C}", "$C", "--listen", "-l", "\"two words\"", "'$A ${B}'", "\"a\\tb\"", "\\x41", "$$A", "%%", "%n", "%p", "a\\;b", "--config=${A}", "''", "a'b c'd", "\"${C}\"", "$A$B", "$9", "${D:-x}"))
	}
	return strings.Join(words, r.one(" ", " ", "  ", "\t", " \\\n "))
}

func (r randomUnits) assignments() string {
	var all []string
	for range 1 + r.IntN(2) {
		all = append(all, r.one("A=1", "A=--listen", "\"A=--listen -v\"", "'B=x y'", "B=", "C=%%n", "\"C=a \\\"b\\\"\"", "A='q r'", "B=$A", "\"B=one  two \"", "C=x\\x20y", "1X=2", "lonely", "C=é"))
	}
	return strings.Join(all, " ")
}

func (r randomUnits) environment() string {
	var lines []string
	for range r.IntN(4) {
		lines = append(lines, r.one("A=file", "A=\"--listen --verbose\"", "B='single quoted'", "# A=no", "; A=no", "", "export A=1", "C=one two", "B=\"a\\\"b\"", "A=x\\\ny", "  C = spaced", "C=$A", "A=", "B=\"two\nlines\"", "junk"))
	}
	return strings.Join(lines, "\n") + r.one("", "\n")
}
