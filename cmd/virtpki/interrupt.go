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
	"virtpki/internal/program"
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
			e.changes.Wait()
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

// await returns what read returns, or hint.ErrInterrupted once the run is interrupted.
// The read is left behind then: a file, a FIFO or a terminal cannot be woken.
func await[T any](e *env, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go program.Guard(func() {
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
