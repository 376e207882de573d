// Package prompt asks a person at a terminal: by the survey library, which draws lists to choose
// from, or in plain lines where nothing may move.
//
// It does not know the purpose of a question: each question comes with its check. A [Progress]
// shows how far a run is. Of text that others have written it shows only the characters that can
// be seen.
package prompt

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"virtpki/internal/program"
	"virtpki/internal/termtext"
)

// Asker puts a question to a person and returns the answer. The error is [ErrBack] if they want
// to return to the previous question, and hint.ErrInterrupted if they want to leave. The
// libraries that ask stay behind this interface.
type Asker interface {
	// Input asks for a line; preset is the answer that an empty line gives.
	Input(ctx context.Context, message, preset string) (string, error)
	Confirm(ctx context.Context, message string, preset bool) (bool, error)
	// Select asks for one option, MultiSelect for any number of them.
	Select(ctx context.Context, message string, options []string, preset int) (int, error)
	MultiSelect(ctx context.Context, message string, options []string, preset []bool) ([]bool, error)
	// Password asks for a line that is not shown.
	Password(ctx context.Context, message string) (string, error)
	// Keys says how to go back and how to leave.
	Keys() string
}

// ErrBack is the wish to return to the previous question.
var ErrBack = errors.New("back")

// Dialog is an [Asker] that asks until the answer is right. It also prints the text beside the
// questions.
type Dialog struct {
	Asker
	Width int // of the screen, in columns
	out   io.Writer
	wrong func(error)
}

// maxWidth is the greatest width of a text, in columns.
const maxWidth = 80

// New returns a dialog at a terminal, or [program.ErrNoTerminal]; a nil file is not a terminal.
// The dialog calls wrong with the fault of an answer. accessible wants plain lines: nothing
// moves and nothing is drawn twice, as a screen reader and a dumb terminal need it.
func New(in, out *os.File, accessible bool, wrong func(error)) (*Dialog, error) {
	if in == nil || out == nil || !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
		return nil, program.ErrNoTerminal
	}
	d := &Dialog{Asker: quoting{&surveyAsker{in: in, out: out}}, Width: maxWidth, out: out, wrong: wrong}
	if columns, _, err := term.GetSize(int(out.Fd())); err == nil && columns > 0 {
		d.Width = min(columns, maxWidth)
	}
	if name := os.Getenv("TERM"); accessible || name == "" || name == "dumb" {
		d.Asker = quoting{&plainAsker{in: in, out: out}}
	}
	return d, nil
}

// Wrong prints the fault of an answer.
func (d *Dialog) Wrong(err error) { d.wrong(err) }

// Question asks for a line.
type Question struct {
	Message  string
	Preset   string // the answer that an empty line gives
	Optional bool   // may be empty
	Check    func(string) error
}

// none is the answer that empties a line with a preset.
const none = "-"

// Line asks for a line until it is right. Spaces around it are dropped.
func (d *Dialog) Line(ctx context.Context, q Question) (string, error) {
	message := q.Message
	if q.Optional && q.Preset != "" {
		message += " (" + none + " for none)"
	}
	return UntilRight(d, q.Check, func() (string, error) {
		text, err := d.Input(ctx, message, q.Preset)
		if text = strings.TrimSpace(text); q.Optional && text == none {
			text = ""
		}
		return text, err
	})
}

// UntilRight asks again as long as check refuses the answer. It prints the fault in the words
// that a command line would get.
func UntilRight[T any](d *Dialog, check func(T) error, ask func() (T, error)) (T, error) {
	for {
		answer, err := ask()
		if err != nil || check == nil {
			return answer, err
		}
		wrong := check(answer)
		if wrong == nil {
			return answer, nil
		}
		d.wrong(wrong)
	}
}

// Say prints a paragraph of its own. Lines that begin with a space stay as they are, with the
// text after them below.
func (d *Dialog) Say(format string, args ...any) {
	termtext.Fprintf(d.out, "\n")
	io.WriteString(d.out, d.Wrap(strings.TrimRight(termtext.Sprintf(format, args...), "\n")))
}

// Print prints a text that is set already, without an empty line before it.
func (d *Dialog) Print(text string) { io.WriteString(d.out, termtext.Lines(text)) }

// Note prints a text that is not an error, as every command does, in lines that fit.
func (d *Dialog) Note(text string) { d.Print(d.Wrap("virtpki: " + termtext.Lines(text))) }

// Wrap returns a text in lines that fit the screen.
func (d *Dialog) Wrap(text string) string {
	return strings.Join(termtext.Wrap(text, d.Width-1), "\n") + "\n"
}
