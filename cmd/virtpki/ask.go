package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"virtpki/internal/termtext"
)

// asker puts a question to a person and returns the answer. The error is
// errBack when they want the question before again, and hint.ErrInterrupted when they
// want to leave. What libraries there are for this stays behind it.
type asker interface {
	// Input asks for a line; preset is what an empty one means.
	Input(ctx context.Context, message, preset string) (string, error)
	Confirm(ctx context.Context, message string, preset bool) (bool, error)
	// Select asks for one option, MultiSelect for any number of them.
	Select(ctx context.Context, message string, options []string, preset int) (int, error)
	MultiSelect(ctx context.Context, message string, options []string, preset []bool) ([]bool, error)
	// Password asks for a line that is not shown.
	Password(ctx context.Context, message string) (string, error)
	// keys says how to go back and how to leave.
	keys() string
}

// errBack is the wish to have the question before again.
var errBack = errors.New("back")

// dialog is an asker that asks until the answer is right, and the screen beside
// the questions.
type dialog struct {
	asker
	e     *env
	width int // of the screen, in columns
}

// maxWidth is how wide a text is set at most, in columns.
const maxWidth = 80

// newDialog finds the terminal. accessible wants plain lines: nothing moves and
// nothing is drawn twice, which is what a screen reader and a dumb terminal need.
func (e *env) newDialog(accessible bool) (*dialog, error) {
	in, isFile := e.stdinFile()
	out, isFileToo := e.stderr.(*os.File)
	if !isFile || !isFileToo || !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
		return nil, errNoTerminal
	}
	d := &dialog{e: e, width: maxWidth, asker: quoting{&surveyAsker{in: in, out: out}}}
	if columns, _, err := term.GetSize(int(out.Fd())); err == nil && columns > 0 {
		d.width = min(columns, maxWidth)
	}
	if name := os.Getenv("TERM"); accessible || name == "" || name == "dumb" {
		d.asker = quoting{&plainAsker{in: in, out: out}}
	}
	return d, nil
}

// textQuestion asks for a line.
type textQuestion struct {
	message  string
	preset   string
	optional bool // may be empty
	check    func(string) error
}

// none is how an answer is emptied that has a preset.
const none = "-"

// input asks for a line until it is right. Spaces around it are dropped.
func (d *dialog) input(ctx context.Context, q textQuestion) (string, error) {
	message := q.message
	if q.optional && q.preset != "" {
		message += " (" + none + " for none)"
	}
	return untilRight(d, q.check, func() (string, error) {
		text, err := d.Input(ctx, message, q.preset)
		if text = strings.TrimSpace(text); q.optional && text == none {
			text = ""
		}
		return text, err
	})
}

// untilRight asks again as long as check has something against the answer, and
// says what in the words that a command line would get.
func untilRight[T any](d *dialog, check func(T) error, ask func() (T, error)) (T, error) {
	for {
		answer, err := ask()
		if err != nil || check == nil {
			return answer, err
		}
		wrong := check(answer)
		if wrong == nil {
			return answer, nil
		}
		d.e.sayError(wrong)
	}
}

// say prints a paragraph of its own; lines that begin with a space are set as
// they are, with what follows them below the text.
func (d *dialog) say(format string, args ...any) {
	termtext.Fprintf(d.e.stderr, "\n")
	text := strings.TrimRight(termtext.Sprintf(format, args...), "\n")
	io.WriteString(d.e.stderr, wrapped(text, d.width-1))
}

// wrapped returns a text in lines that fit.
func wrapped(text string, width int) string {
	return strings.Join(termtext.Wrap(text, width), "\n") + "\n"
}
