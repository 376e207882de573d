package termtext

import (
	"fmt"
	"io"
	"strings"
)

// Text is an argument of Sprintf with several lines of virtpki's own. Text from others in it
// must have gone through Line or Sprintf.
type Text string

// Sprintf is fmt.Sprintf for a person: the format stays as it is, and each argument becomes one
// line. Only a Text and joined errors keep their line ends.
func Sprintf(format string, args ...any) string {
	safe := make([]any, len(args))
	for i, arg := range args {
		safe[i] = safeArg(arg)
	}
	return fmt.Sprintf(format, safe...)
}

// Fprintf writes the result of Sprintf.
func Fprintf(w io.Writer, format string, args ...any) (int, error) {
	return io.WriteString(w, Sprintf(format, args...))
}

func safeArg(arg any) any {
	switch arg := arg.(type) {
	case int:
		return arg
	case error:
		return Text(safeError(arg))
	case Text:
		return Text(Lines(string(arg)))
	}
	return formatted{arg}
}

// formatted is an argument that is formatted as usual, and then made one line.
type formatted struct{ arg any }

func (f formatted) Format(state fmt.State, verb rune) {
	io.WriteString(state, Line(fmt.Sprintf(fmt.FormatString(state, verb), f.arg)))
}

// safeError returns the text of an error. Line ends stay where errors.Join has put them.
func safeError(err error) string {
	switch wrapped := err.(type) {
	case interface{ Unwrap() []error }:
		return around(err.Error(), "\n", wrapped.Unwrap()...)
	case interface{ Unwrap() error }:
		if inner := wrapped.Unwrap(); inner != nil {
			return around(err.Error(), "", inner)
		}
	}
	return Line(err.Error())
}

// around makes a text safe that contains the texts of errors, one after the other; between them
// may be a separator.
func around(text, separator string, errs ...error) string {
	var b strings.Builder
	for i, err := range errs {
		before, after, found := strings.Cut(text, err.Error())
		if !found {
			break
		}
		if i > 0 && before == separator {
			b.WriteString(before)
		} else {
			b.WriteString(Line(before))
		}
		b.WriteString(safeError(err))
		text = after
	}
	return b.String() + Line(text)
}
