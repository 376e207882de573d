package main

import (
	"slices"
	"testing"

	"virtpki/internal/machine"
)

// The command must read the words of commandLine as the same options. The flags themselves parse
// each line again.
func TestCommandLine(t *testing.T) {
	e := &env{}
	g := &globals{Machine: &machine.Machine{Root: "/srv/image", Sysconfdir: machine.DefaultSysconfdir(), CADir: "-ca"}, passphraseFile: "/dev/fd/3", json: true, quiet: true, dryRun: true}
	o := fromFlags(e, bindBootstrap)
	o.name, o.host.Hostname, o.caLife = "It's $HOME", "hv1", "5y"
	o.sans, o.onlySAN = []string{"a,b", "*.lab.example"}, true
	o.allow, o.allowIssued = []string{`O=A\, B,CN=*`, "-x", ""}, true
	o.with, o.restart = []string{"qemu", "vnc"}, `systemctl restart "libvirtd"`

	words := commandLine(e, g, bindBootstrap, o, "bootstrap")
	got, gotGlobals := parseWords(t, words)
	if gotGlobals.Root != g.Root || gotGlobals.CADir != g.CADir || gotGlobals.passphraseFile != g.passphraseFile {
		t.Errorf("the globals are %+v, want %+v", gotGlobals, g)
	}
	if gotGlobals.json || gotGlobals.quiet || gotGlobals.dryRun {
		t.Errorf("%q: how it was told is no part of what was done", words)
	}
	if again := commandLine(e, gotGlobals, bindBootstrap, got, "bootstrap"); !slices.Equal(again, words) {
		t.Errorf("read and worded again: %q, was %q", again, words)
	}
	if got.name != o.name || !slices.Equal(got.allow, o.allow) || !slices.Equal(got.sans, o.sans) || !slices.Equal(got.with, o.with) || !got.onlySAN {
		t.Errorf("the options are %+v, want %+v", got, o)
	}
}

// parseWords parses a command line of bootstrap with the command's own flags.
func parseWords(t *testing.T, words []string) (*bootstrapOptions, *globals) {
	t.Helper()
	g, o := &globals{Machine: &machine.Machine{}}, &bootstrapOptions{}
	cmd := bindBootstrap(&env{}, g, o)
	g.addFlags(cmd)
	if err := cmd.ParseFlags(words[2:]); err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	return o, g
}

func TestCommandLineOfNothing(t *testing.T) {
	e := &env{}
	g := &globals{Machine: &machine.Machine{Root: "/", Sysconfdir: machine.DefaultSysconfdir()}}
	if got := commandLine(e, g, bindBootstrap, fromFlags(e, bindBootstrap), "bootstrap"); !slices.Equal(got, []string{"virtpki", "bootstrap"}) {
		t.Errorf("with every option as it is by itself: %q", got)
	}
}
