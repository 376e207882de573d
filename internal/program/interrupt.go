package program

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"virtpki/internal/hint"
)

// endSignals returns the signals that end a run. Signals that the parent process ignores, as
// nohup does, stay ignored.
func endSignals() []os.Signal {
	var heard []os.Signal
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) {
			heard = append(heard, s)
		}
	}
	return heard
}

// interruptGrace is half of the time in which an interrupted run may end by itself.
const interruptGrace = time.Second

// Interruptible returns a context that ends with the first signal. From then on a second signal
// kills the program. If the run has not ended soon after, Interruptible calls end, but not
// before whole has returned: a change that is being made becomes whole. The caller calls stop
// when the run has ended.
func Interruptible(whole, end func()) (ctx context.Context, stop func()) {
	ctx, deaf := signal.NotifyContext(context.Background(), endSignals()...)
	restore := savedTerminal()
	ended := make(chan struct{})
	context.AfterFunc(ctx, func() {
		deaf()
		restore()
		for range 2 { // the second time after a change that took longer, for the messages about it
			select {
			case <-ended:
				return
			case <-time.After(interruptGrace):
			}
			whole()
		}
		end()
	})
	return ctx, sync.OnceFunc(func() {
		close(ended)
		if ctx.Err() != nil {
			restore() // a prompt may have come up meanwhile
		}
		deaf()
	})
}

// savedTerminal returns a function that restores stdin's terminal to its present state: a prompt
// for a passphrase turns its echo off.
func savedTerminal() (restore func()) {
	state, err := term.GetState(int(os.Stdin.Fd()))
	if err != nil {
		return func() {}
	}
	return func() { term.Restore(int(os.Stdin.Fd()), state) }
}

// Await returns the result of read, or hint.ErrInterrupted once the run is interrupted. The read
// is left behind then: a file, a FIFO or a terminal cannot be woken.
func Await[T any](interrupted <-chan struct{}, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go Guard(func() {
		value, err := read()
		done <- result{value, err}
	})()
	select {
	case <-interrupted:
		var none T
		return none, hint.ErrInterrupted
	case r := <-done:
		return r.value, r.err
	}
}
