package labscript

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"virtpki/internal/lab"
)

const waitlogLimit = 10 * time.Second

func (s *stage) onbg(ctx context.Context, ts *testscript.TestScript, neg bool, args []string) {
	want(ts, "onbg PROCESS NAME PROGRAM ARG…", args, 3, neg)
	name := args[0]
	if s.hosts[name] != nil || s.processes[name] != nil && !s.processes[name].Exited() {
		ts.Fatalf("%q is a host or a running process already", name)
	}
	p, err := s.hostNamed(ts, args[1]).Start(ctx, name, args[2], args[3:]...)
	ts.Check(err)
	s.keep(ctx, ts, name, p)
}

func (s *stage) bgstop(ctx context.Context, ts *testscript.TestScript, neg bool, args []string) {
	want(ts, "bgstop PROCESS", args, 1, neg)
	p := s.processNamed(ts, args[0])
	ts.Check(p.Stop(ctx))
	s.show(ctx, ts, p)
}

func (s *stage) bgwait(ctx context.Context, ts *testscript.TestScript, neg bool, args []string) {
	want(ts, "bgwait PROCESS", args, 1, false)
	p := s.processNamed(ts, args[0])
	err := p.Wait(ctx)
	s.show(ctx, ts, p)
	if neg && err == nil {
		ts.Fatalf("%s ended well, against expectation", args[0])
	}
	if !neg {
		ts.Check(err)
	}
}

func (s *stage) libvirtd(ctx context.Context, ts *testscript.TestScript, neg bool, args []string) {
	want(ts, "libvirtd NAME [ARG…]", args, 1, false)
	h := s.hostNamed(ts, args[0])
	if p := s.processes[args[0]]; p != nil && !p.Exited() {
		ts.Fatalf("libvirtd runs on %q already", args[0])
	}
	p, err := h.StartLibvirtd(ctx, args[1:]...)
	var not *lab.NotStartedError
	if neg && !errors.As(err, &not) {
		ts.Fatalf("libvirtd on %s did not end: %v", args[0], err)
	}
	if !neg {
		ts.Check(err)
		s.keep(ctx, ts, args[0], p)
	}
	s.show(ctx, ts, p)
}

func (s *stage) stopLibvirtd(ctx context.Context, ts *testscript.TestScript, neg bool, args []string) {
	want(ts, "stop-libvirtd NAME", args, 1, neg)
	s.bgstop(ctx, ts, neg, args)
}

func (s *stage) waitlog(ctx context.Context, ts *testscript.TestScript, neg bool, args []string) {
	want(ts, "waitlog PROCESS|NAME REGEXP", args, 2, false)
	p := s.processNamed(ts, args[0])
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	for end := time.Now().Add(waitlogLimit); ; time.Sleep(20 * time.Millisecond) {
		log, err := p.Stderr(ctx)
		ts.Check(err)
		switch found := re.MatchString(log); {
		case found && neg:
			ts.Fatalf("the log of %s matches %s:\n%s", args[0], args[1], log)
		case found || neg:
			return
		case time.Now().After(end):
			ts.Fatalf("nothing in the log of %s matches %s:\n%s", args[0], args[1], log)
		}
	}
}

// show makes the output of the process the one that stdout and stderr look at.
func (s *stage) show(ctx context.Context, ts *testscript.TestScript, p *lab.Process) {
	out, err := p.Stdout(ctx)
	ts.Check(err)
	log, err := p.Stderr(ctx)
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), out)
	fmt.Fprint(ts.Stderr(), log)
}

// keep remembers a process by its name. The stderr of the last process of that name goes into
// the script's log, which is seen when the script fails.
func (s *stage) keep(ctx context.Context, ts *testscript.TestScript, name string, p *lab.Process) {
	_, again := s.processes[name]
	s.processes[name] = p
	if again {
		return
	}
	ts.Defer(func() {
		if log, err := s.processes[name].Stderr(ctx); err == nil {
			ts.Logf("[stderr of %s]\n%s", name, log)
		}
	})
}
