package labscript

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"virtpki/internal/lab"
	"virtpki/internal/lab/terminal"
)

func TestCondition(t *testing.T) {
	config := Config{Release: lab.Release{Name: "trixie", Libvirt: "11.3"}}
	for condition, want := range map[string]bool{
		"libvirt:11.3": true, "libvirt:9.0": false, "libvirt>=11": true, "libvirt<10.5": false,
		"libvirt=11": true, "release:trixie": true, "release:forky": false,
		"daily:bullseye,trixie": true, "daily:forky": false, "whole": false,
	} {
		got, err := config.condition(condition)
		if err != nil || got != want {
			t.Errorf("[%s] on libvirt 11.3: got %v, %v, want %v", condition, got, err, want)
		}
	}
	for _, bad := range []string{"libvirt", "libvirt~9", "libvirtd>=9", "release:sid", "daily:sid", "exists"} {
		if _, err := config.condition(bad); err == nil {
			t.Errorf("[%s]: got no error", bad)
		}
	}
	config.Whole = true
	for _, condition := range []string{"daily:forky", "whole"} {
		if got, err := config.condition(condition); err != nil || !got {
			t.Errorf("[%s] in a whole run: got %v, %v", condition, got, err)
		}
	}
}

// A lab would be of no use if its scripts could not fail. So each command is tried both ways:
// with lines that must end a script well and with lines that must end it badly.
func TestCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no real hosts")
	}
	if err := lab.Usable(); err != nil {
		t.Skip(err)
	}
	for _, c := range []struct{ name, good, bad string }{
		{"on", "on hv1 true", "on hv1 false"},
		{"on_refused", "! on hv1 false", "! on hv1 true"},
		{"on_unknown_host", "on hv1 true", "on hv2 true"},
		{"on_unknown_program", "exit 127 on hv1 nothing", "on hv1 nothing"},
		{"exit", "exit 3 on hv1 sh -c 'exit 3'", "exit 3 on hv1 sh -c 'exit 2'"},
		{"exit_zero", "exit 0 on hv1 true", "exit 0 on hv1 false"},
		{"output", "on hv1 sh -c 'echo out; echo err >&2'\nstdout out\nstderr err", "on hv1 true\nstdout ."},
		{"stdin", "stdin input\non hv1 cat\nstdout word", "on hv1 cat\nstdout word"},
		{"host_twice", "host hv2", "host hv1"},
		{"put_get", "put input hv1:/a/b\nget hv1:/a/b c\ncmp c input", "put none hv1:/a"},
		{"get_missing", "put input hv1:/a", "get hv1:/none a"},
		{"put_relative", "put input hv1:/a", "put input hv1:a"},
		{"bgwait", "onbg p hv1 true\nbgwait p", "onbg p hv1 false\nbgwait p"},
		{"bgwait_refused", "onbg p hv1 false\n! bgwait p", "onbg p hv1 true\n! bgwait p"},
		{"bgstop", "onbg p hv1 sleep 99\nbgstop p\nonbg p hv1 true\nbgwait p", "onbg p hv1 sleep 99\nonbg p hv1 true"},
		{"waitlog", "onbg p hv1 sh -c 'sleep 0.2; echo up >&2; sleep 99'\nwaitlog p ^up$\n! waitlog p down",
			"onbg p hv1 sh -c 'echo up >&2; sleep 99'\nwaitlog p up\n! waitlog p up"},
		{"libvirtd_refused", "! libvirtd hv1\nstderr cacert.pem", "put plain hv1:/etc/libvirt/libvirtd.conf\n! libvirtd hv1"},
		{"libvirtd_starts", "put plain hv1:/etc/libvirt/libvirtd.conf\nlibvirtd hv1\nstop-libvirtd hv1\nlibvirtd hv1", "libvirtd hv1"},
		{"libvirtd_twice", "put plain hv1:/etc/libvirt/libvirtd.conf\nlibvirtd hv1",
			"put plain hv1:/etc/libvirt/libvirtd.conf\nlibvirtd hv1\nlibvirtd hv1"},
		{"link", "host hv2\nlink hv1 10.0.0.1/24 hv2 10.0.0.2/24\non hv1 getent hosts hv2\nstdout ^10.0.0.2", "link hv1 10.0.0.1/24 hv2 10.0.0.2/24"},
		{"address", "address hv1 lo 10.9.9.9/32\non hv1 ip -br addr\nstdout 10.9.9.9", "address hv1 lo 10.9.9.999/32"},
		{"page", "page page Good", "page page Wrong"},
		{"page_block", "page page Wrong 1", "page page Wrong 2"},
		{"page_section", "page page Good", "page page None"},
		{"page_status", "page page Status", "page page NoStatus"},
		{"picture", "picture picture hv1 'echo a 2026-01-01'", "picture picture hv1 'echo b'"},
		{"condition", "[libvirt:9.0] on hv1 true\n[libvirt>=11] on hv1 false", "[libvirt>=9] on hv1 false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if failed, log := runScript(t, c.good); failed {
				t.Errorf("these lines failed:\n%s\n%s", c.good, log)
			}
			if failed, log := runScript(t, c.bad); !failed {
				t.Errorf("these lines did not fail:\n%s\n%s", c.bad, log)
			}
		})
	}
}

// aPage is a page with sections that are true, and sections that are not.
const aPage = "# Page\n\n## Good\n\n```console\nhv1# printf 'a\\nb 2026-01-01\\nc\\n'\na\n...\nc\nhv1# echo b \\\n  2027-02-02\nb 2026-01-01\n```\n" +
	"\n## Wrong\n\n```console\nhv1# echo a\na\n```\n\n```console\nhv1# printf 'a\\nb\\n'\nb\na\n```\n" +
	"\n## Status\n\n```console status=3\nhv1# exit 3\n```\n\n## NoStatus\n\n```console\nhv1# exit 3\n```\n"

// aPicture is the picture of a command that prints a day.
var aPicture = terminal.SVG([][]terminal.Run{
	{{Text: "# ", Colour: terminal.Plain}, {Text: "echo a 2026-01-01", Colour: terminal.Bold}}, {{Text: "a 2027-02-02", Colour: terminal.Plain}},
}, pictureColumns)

// runScript runs lines on a host hv1 of bookworm and reports whether they failed.
func runScript(t *testing.T, lines string) (failed bool, log string) {
	t.Helper()
	script := "host hv1\n" + lines + "\n-- input --\nword\n-- picture --\n" + aPicture + "-- page --\n" + aPage + "-- plain --\nlisten_tls = 0\nlisten_tcp = 1\ntcp_port = \"16514\"\n"
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "script.txtar"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	releases, err := lab.Select("bookworm")
	if err != nil {
		t.Fatal(err)
	}
	config := Config{Release: releases[0], Binary: "/bin/true"}
	r := &recorder{}
	testscript.RunT(r, Params(t.Context(), dir, config))
	return r.failed, r.log.String()
}

// recorder is a test that remembers how it ended.
type recorder struct {
	failed bool
	log    strings.Builder
}

func (r *recorder) Skip(args ...any)  { r.Fatal("skipped") }
func (r *recorder) Parallel()         {}
func (r *recorder) Verbose() bool     { return false }
func (r *recorder) Log(args ...any)   { r.log.WriteString(args[0].(string)) }
func (r *recorder) Fatal(args ...any) { r.Log(args...); r.FailNow() }

func (r *recorder) FailNow() {
	r.failed = true
	runtime.Goexit()
}

func (r *recorder) Run(_ string, f func(testscript.T)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
}
