package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"virtpki/internal/hint"
	"virtpki/internal/store"
)

// endSignals end a run. Those that whoever started it ignores, as nohup does,
// stay ignored.
func endSignals() []os.Signal {
	var heard []os.Signal
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) {
			heard = append(heard, s)
		}
	}
	return heard
}

// interruptGrace is half of the time that a run that was interrupted has to end by
// itself.
const interruptGrace = time.Second

// interruptible returns a context that ends with the first signal. From then on a
// second one kills, and a run that has not ended soon after is ended, but not before
// the change that it is making is whole.
func (e *env) interruptible() (context.Context, func()) {
	ctx, deaf := signal.NotifyContext(context.Background(), endSignals()...)
	restore := savedTerminal()
	ended := make(chan struct{})
	context.AfterFunc(ctx, func() {
		deaf()
		restore()
		for range 2 { // the second time after a change that took longer, for what is told of it
			select {
			case <-ended:
				return
			case <-time.After(interruptGrace):
			}
			e.changes.wait()
		}
		e.warn("error: %v", hint.ErrInterrupted)
		os.Exit(exitInterrupted)
	})
	return ctx, sync.OnceFunc(func() {
		close(ended)
		if ctx.Err() != nil {
			restore() // a prompt may have come up meanwhile
		}
		deaf()
	})
}

// savedTerminal returns what puts stdin's terminal back as it is now: a prompt for a
// passphrase has turned its echo off.
func savedTerminal() (restore func()) {
	state, err := term.GetState(int(os.Stdin.Fd()))
	if err != nil {
		return func() {}
	}
	return func() { term.Restore(int(os.Stdin.Fd()), state) }
}

// changes knows whether a run is changing files, and whether it has.
type changes struct {
	mu     sync.Mutex
	idle   *sync.Cond // none is under way any more
	making int
	made   bool
}

func newChanges() *changes {
	c := &changes{}
	c.idle = sync.NewCond(&c.mu)
	return c
}

// wait waits for the end of what is under way.
func (c *changes) wait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.making > 0 {
		c.idle.Wait()
	}
}

// count notes that a change has begun or ended.
func (c *changes) count(by int, made bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.making += by
	c.made = c.made || made
	c.idle.Broadcast()
}

// make does what changes files, or ends by itself when the run is interrupted: the
// run does not end before.
func (c *changes) make(change func() error) error {
	if c == nil {
		return change() // nobody interrupts
	}
	c.count(1, false)
	err := change()
	c.count(-1, err == nil)
	return err
}

// apply carries a plan out.
func (e *env) apply(plan *store.Plan) error {
	if len(plan.Changes()) == 0 {
		return plan.Apply()
	}
	return e.changes.make(plan.Apply)
}

// await returns what read returns, or hint.ErrInterrupted once the run is interrupted.
// The read is left behind then: a file, a FIFO or a terminal cannot be woken.
func await[T any](e *env, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go guarded(func() {
		value, err := read()
		done <- result{value, err}
	})()
	select {
	case <-e.interrupted:
		var none T
		return none, hint.ErrInterrupted
	case r := <-done:
		return r.value, r.err
	}
}

// ask asks for a line until the run is interrupted.
func (e *env) ask(prompt string) (string, error) {
	return await(e, func() (string, error) { return e.askLine(prompt) })
}
