// Package labscript gives testscript scripts the commands of a lab: hosts, programs
// on them, libvirtd. A script runs against one Debian release; conditions tell it
// which libvirt that has.
//
//	host [-with PACKAGE,…] NAME [FQDN]
//	    starts a host. /usr/bin/virtpki is in it.
//	[!] on NAME PROGRAM ARG…
//	exit STATUS on NAME PROGRAM ARG…
//	    runs a program on the host, as root in /root, for five minutes at most, with
//	    the input that the command stdin has set; stdout and stderr look at its
//	    output. The exit form wants that very status.
//	onbg PROCESS NAME PROGRAM ARG…
//	    starts a program in the background. The process name is for the next three.
//	bgstop PROCESS
//	[!] bgwait PROCESS
//	    end it, or wait for its end; stdout and stderr then look at its output.
//	[!] waitlog PROCESS|NAME REGEXP
//	    waits, ten seconds at most, until a line of the process's stderr, or of the
//	    libvirtd of a host, matches; with !, looks once that none does.
//	[!] libvirtd NAME [ARG…]
//	    starts libvirtd --listen with the arguments and waits for its TLS port; with
//	    !, it must end instead. stderr looks at its log so far.
//	stop-libvirtd NAME
//	    ends it; stderr looks at its whole log.
//	dialog [-size 80x24] [-plain] [-status N] FILE NAME PROGRAM ARG…
//	    runs a program on the host at a terminal, and plays the dialog in FILE with
//	    it; see package terminal.
//	link NAME ADDRESS/BITS NAME ADDRESS/BITS
//	    joins two hosts by a cable.
//	address NAME INTERFACE ADDRESS/BITS
//	    gives an interface ("lo") one more address.
//	put FILE|DIRECTORY NAME:/PATH
//	get NAME:/PATH FILE|DIRECTORY
//	    copy between the script's directory and a host, with modes; see lab.Host.Put.
//	page FILE SECTION [N]
//	    runs the commands in the console blocks (or the Nth) below a heading of a page, each on the
//	    host that its prompt names ("hv1# " as root, "hv1$ " as the user alice), and wants
//	    the lines below it; "..." stands for lines that are left out, "status=3" behind
//	    "console" for the status of the block's last command. UPDATE=1 writes the
//	    output into the page.
//	picture FILE NAME COMMANDLINE…
//	    runs command lines at a terminal of a host, and compares the picture of the
//	    screens with FILE, an SVG; UPDATE=1 writes it.
//
// Conditions: [libvirt:9.0] (and [libvirt=9.0], which is the same), [libvirt>=11],
// and so on with >, <, <=; and the release's name, [release:trixie]. [daily:bullseye,forky] holds
// on these releases alone in an ordinary run, and on every release in a whole one. [whole] holds in
// a whole run alone.
package labscript

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"virtpki/internal/lab"
	"virtpki/internal/lab/terminal"
)

// Config holds the things that the scripts of one release need.
type Config struct {
	Release lab.Release
	// Whole runs each script on each release, and all of its lines. An ordinary run leaves out some
	// of both.
	Whole bool
	// Binary is the virtpki program, linked statically, that every host gets; if it is empty,
	// hosts have no virtpki.
	Binary string
	// Tools maps further programs to their paths in every host.
	Tools map[string]string
	// Env is set in the script, "NAME=value".
	Env []string
}

// Params returns the parameters that run the scripts of dir in the lab.
func Params(ctx context.Context, dir string, config Config) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition:           config.condition,
		Setup:               config.setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"host":          inLab(ctx, (*stage).host),
			"on":            inLab(ctx, (*stage).on),
			"exit":          inLab(ctx, (*stage).exit),
			"onbg":          inLab(ctx, (*stage).onbg),
			"bgstop":        inLab(ctx, (*stage).bgstop),
			"bgwait":        inLab(ctx, (*stage).bgwait),
			"waitlog":       inLab(ctx, (*stage).waitlog),
			"libvirtd":      inLab(ctx, (*stage).libvirtd),
			"stop-libvirtd": inLab(ctx, (*stage).stopLibvirtd),
			"dialog":        terminal.Command(atTerminal, nil),
			"link":          inLab(ctx, (*stage).link),
			"address":       inLab(ctx, (*stage).address),
			"put":           inLab(ctx, (*stage).put),
			"get":           inLab(ctx, (*stage).get),
			"page":          inLab(ctx, (*stage).page),
			"picture":       inLab(ctx, (*stage).picture),
		},
	}
}

func (c Config) condition(condition string) (bool, error) {
	if condition == "whole" {
		return c.Whole, nil
	}
	if list, ok := strings.CutPrefix(condition, "daily:"); ok {
		releases, err := lab.Select(list)
		return c.Whole || slices.ContainsFunc(releases, func(r lab.Release) bool { return r.Name == c.Release.Name }), err
	}
	if name, ok := strings.CutPrefix(condition, "release:"); ok {
		if _, err := lab.Select(name); err != nil {
			return false, err
		}
		return name == c.Release.Name, nil
	}
	comparison, ok := strings.CutPrefix(condition, "libvirt")
	if !ok {
		return false, fmt.Errorf("no such condition")
	}
	if version, ok := strings.CutPrefix(comparison, ":"); ok {
		comparison = "=" + version
	}
	return c.Release.Holds(comparison)
}

// stage is the lab of one running script.
type stage struct {
	config    Config
	hosts     map[string]*lab.Host
	processes map[string]*lab.Process // by name; a host's libvirtd by the host's name
}

type stageKey struct{}

// setup gives a script its stage, which ends with it.
func (c Config) setup(env *testscript.Env) error {
	s := &stage{config: c, hosts: map[string]*lab.Host{}, processes: map[string]*lab.Process{}}
	env.Defer(s.close)
	env.Values[stageKey{}] = s
	env.Vars = append(env.Vars, c.Env...)
	return nil
}

func (s *stage) close() {
	for _, h := range s.hosts {
		h.Close()
	}
}

type command func(s *stage, ctx context.Context, ts *testscript.TestScript, neg bool, args []string)

func inLab(ctx context.Context, run command) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		run(ts.Value(stageKey{}).(*stage), ctx, ts, neg, args)
	}
}

// atTerminal is a program on the host args[0], for a terminal with the usual abilities.
func atTerminal(ts *testscript.TestScript, args []string) *exec.Cmd {
	s := ts.Value(stageKey{}).(*stage)
	if len(args) < 2 {
		ts.Fatalf("usage: dialog FILE NAME PROGRAM ARG…")
	}
	line := s.hostNamed(ts, args[0]).Args("env", append([]string{"TERM=xterm-256color"}, args[1:]...)...)
	return exec.Command(line[0], line[1:]...)
}

// want ends the script unless the command has at least n arguments. It also ends it for a "!"
// before a command that has no opposite.
func want(ts *testscript.TestScript, usage string, args []string, n int, neg bool) {
	if neg {
		ts.Fatalf("! has no meaning here; usage: %s", usage)
	}
	if len(args) < n {
		ts.Fatalf("usage: %s", usage)
	}
}

func (s *stage) hostNamed(ts *testscript.TestScript, name string) *lab.Host {
	h, ok := s.hosts[name]
	if !ok {
		ts.Fatalf("no host %q", name)
	}
	return h
}

func (s *stage) processNamed(ts *testscript.TestScript, name string) *lab.Process {
	p, ok := s.processes[name]
	if !ok {
		ts.Fatalf("no process %q, nor a libvirtd on a host of that name", name)
	}
	return p
}
