package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// asker puts a question to a person and returns the answer. The error is
// errBack when they want the question before again, and errInterrupted when they
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
	in, isFile := e.stdin.(*os.File)
	out, isFileToo := e.stderr.(*os.File)
	if !isFile || !isFileToo || !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
		return nil, errNoTerminal
	}
	d := &dialog{e: e, width: maxWidth, asker: &surveyAsker{in: in, out: out}}
	if columns, _, err := term.GetSize(int(out.Fd())); err == nil && columns > 0 {
		d.width = min(columns, maxWidth)
	}
	if name := os.Getenv("TERM"); accessible || name == "" || name == "dumb" {
		d.asker = &plainAsker{in: in, out: out}
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
	fmt.Fprintln(d.e.stderr)
	for line := range strings.Lines(fmt.Sprintf(format, args...)) {
		io.WriteString(d.e.stderr, fold(strings.TrimRight(line, "\n"), d.width-1))
	}
}

// fold breaks a line between words. What a line is indented by, its continuation
// is indented by too, and by four more.
func fold(line string, width int) string {
	var b strings.Builder
	for ; strings.HasPrefix(line, "\n"); line = line[1:] {
		b.WriteByte('\n')
	}
	text := strings.TrimLeft(line, " ")
	indent := strings.Repeat(" ", len(line)-len(text))
	b.WriteString(indent)
	column := len(indent)
	if indent != "" {
		indent += "    "
	}
	for i, word := range strings.Fields(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+length > width:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += length
	}
	return b.String() + "\n"
}
