package main

import (
	"errors"
	"fmt"
)

var (
	// errRefused ends a command whose answer is no; the answer is printed already.
	errRefused = errors.New("refused")
	// errFailed ends a command that stands for another program, with status 1; what
	// it has to say is said already.
	errFailed = errors.New("failed")
	// errInterrupted ends a command whose user has stopped it.
	errInterrupted = errors.New("interrupted")
)

// usageError is wrong use found after cobra has accepted the line.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// hintError carries what to do about an error, printed on a line of its own.
type hintError struct {
	error
	hint string
}

func (h hintError) Unwrap() error { return h.error }

// Hint returns what to do.
func (h hintError) Hint() string { return h.hint }

// hinter is an error that knows what to do about it: a hintError, or a refusal of
// package store.
type hinter interface {
	error
	Hint() string
}

// sayError prints an error, and what to do about it if it knows; hinted is
// whether it does.
func (e *env) sayError(err error) (hinted bool) {
	e.warn("error: %v", err)
	var h hinter
	if hinted = errors.As(err, &h); hinted {
		e.warn("hint: %s", h.Hint())
	}
	return hinted
}

// withHint adds what to do to an error.
func withHint(err error, format string, args ...any) error {
	return hintError{err, fmt.Sprintf(format, args...)}
}
