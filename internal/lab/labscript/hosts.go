package labscript

import (
	"context"
	"errors"
	"maps"
	"os/exec"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"virtpki/internal/lab"
)

func (s *stage) host(ctx context.Context, ts *testscript.TestScript, neg bool, args []string) {
	const usage = "host [-with PACKAGE,…] NAME [FQDN]"
	want(ts, usage, args, 1, neg)
	var packages []string
	if args[0] == "-with" {
		want(ts, usage, args, 3, neg)
		packages = strings.Split(args[1], ",")
		args = args[2:]
	}
	config := lab.HostConfig{Name: args[0], Daemon: s.config.Release.Daemon(), Files: map[string]string{}}
	if s.config.Binary != "" {
		config.Files[s.config.Binary] = "/usr/bin/virtpki"
	}
	maps.Copy(config.Files, s.config.Tools)
	if len(args) > 1 {
		config.FQDN = args[1]
	}
	if s.hosts[config.Name] != nil {
		ts.Fatalf("host %q is there already", config.Name)
	}
	var err error
	config.Root, err = lab.Root(ctx, s.config.Release, packages...)
	ts.Check(err)
	s.hosts[config.Name], err = lab.NewHost(ctx, config)
	ts.Check(err)
}

func (s *stage) on(ctx context.Context, ts *testscript.TestScript, neg bool, args []string) {
	want(ts, "on NAME PROGRAM ARG…", args, 2, false)
	err := s.run(ctx, ts, args)
	if neg && err == nil {
		ts.Fatalf("%s ended well, against expectation", args[1])
	}
	if !neg {
		ts.Check(err)
	}
}

func (s *stage) exit(ctx context.Context, ts *testscript.TestScript, neg bool, args []string) {
	const usage = "exit STATUS on NAME PROGRAM ARG…"
	want(ts, usage, args, 4, neg)
	status, err := strconv.Atoi(args[0])
	if err != nil || args[1] != "on" {
		ts.Fatalf("usage: %s", usage)
	}
	var exit *exec.ExitError
	got := 0
	if err := s.run(ctx, ts, args[2:]); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != status {
		ts.Fatalf("%s: exit status %d, want %d", args[3], got, status)
	}
}

// run runs args[1:] on the host args[0]. The program timeout limits the time and gives status
// 124, because virsh has no limit of its own.
func (s *stage) run(ctx context.Context, ts *testscript.TestScript, args []string) error {
	h := s.hostNamed(ts, args[0])
	line := h.Args("timeout", append([]string{"--foreground", "--kill-after=5", "300"}, args[1:]...)...)
	return ts.Exec(line[0], line[1:]...)
}

func (s *stage) link(ctx context.Context, ts *testscript.TestScript, neg bool, args []string) {
	want(ts, "link NAME ADDRESS/BITS NAME ADDRESS/BITS", args, 4, neg)
	ts.Check(lab.Link(ctx, s.hostNamed(ts, args[0]), args[1], s.hostNamed(ts, args[2]), args[3]))
}

func (s *stage) address(ctx context.Context, ts *testscript.TestScript, neg bool, args []string) {
	want(ts, "address NAME INTERFACE ADDRESS/BITS", args, 3, neg)
	ts.Check(s.hostNamed(ts, args[0]).AddAddress(ctx, args[1], args[2]))
}

func (s *stage) put(ctx context.Context, ts *testscript.TestScript, neg bool, args []string) {
	want(ts, "put FILE NAME:/PATH", args, 2, neg)
	h, path := s.remote(ts, args[1])
	ts.Check(h.Put(ctx, ts.MkAbs(args[0]), path))
}

func (s *stage) get(ctx context.Context, ts *testscript.TestScript, neg bool, args []string) {
	want(ts, "get NAME:/PATH FILE", args, 2, neg)
	h, path := s.remote(ts, args[0])
	ts.Check(h.Get(ctx, path, ts.MkAbs(args[1])))
}

func (s *stage) remote(ts *testscript.TestScript, arg string) (*lab.Host, string) {
	name, path, ok := strings.Cut(arg, ":")
	if !ok || !strings.HasPrefix(path, "/") {
		ts.Fatalf("%q is not NAME:/PATH", arg)
	}
	return s.hostNamed(ts, name), path
}
