package hint

import (
	"errors"
	"fmt"
)

// Errors that end a run with a status of its own. The first two have been reported to the user
// before they are returned.
var (
	// ErrRefused ends a run in which a check failed.
	ErrRefused = errors.New("refused")
	// ErrFailed ends a run that stands for another program, with that program's status 1.
	ErrFailed = errors.New("failed")
	// ErrInterrupted ends a run that its user has interrupted.
	ErrInterrupted = errors.New("interrupted")
)

// hinted is an error with a hint.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// Hint returns the hint.
func (h hinted) Hint() string { return h.hint }

// With returns an error that wraps err and adds a hint: one command, or one imperative.
func With(err error, format string, args ...any) error {
	return hinted{err, fmt.Sprintf(format, args...)}
}

// Of returns the outermost hint of an error, from [With] or from another type with a method
// Hint.
func Of(err error) (text string, ok bool) {
	var h interface {
		error
		Hint() string
	}
	if !errors.As(err, &h) {
		return "", false
	}
	return h.Hint(), true
}

// usage is a usage error.
type usage struct{ error }

func (u usage) Unwrap() error { return u.error }

// Usage marks an error as a usage error: the command line is wrong, and nothing has
// been read or written. A nil error stays nil.
func Usage(err error) error {
	if err == nil {
		return nil
	}
	return usage{err}
}

// Usagef returns a usage error.
func Usagef(format string, args ...any) error { return usage{fmt.Errorf(format, args...)} }

// IsUsage reports whether an error is, or wraps, a usage error.
func IsUsage(err error) bool { return errors.As(err, new(usage)) }

// NotUsage returns an error without the mark of a usage error, because an error in a file is
// not an error of the command line.
func NotUsage(err error) error {
	var u usage
	if errors.As(err, &u) {
		return u.error
	}
	return err
}

// First returns the first error that is not nil, so that the user sees one line and not all of
// them. Its arguments have all been computed by then: use it for checks and plans, not for
// calls that change something.
func First(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
