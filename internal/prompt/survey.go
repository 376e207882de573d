package prompt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/AlecAivazis/survey/v2"
	"github.com/AlecAivazis/survey/v2/core"
	"github.com/AlecAivazis/survey/v2/terminal"
	"golang.org/x/term"

	"virtpki/internal/hint"
	"virtpki/internal/program"
)

// surveyAsker asks with the survey library, which draws lists to choose from. No
// other file knows it. It needs a terminal at both ends and does not look for
// one: see [New].
type surveyAsker struct {
	in, out *os.File
}

// keyBack is a key that survey does not use, and that the terminals and multiplexers in between
// pass on: it is the key with which an editor undoes.
const (
	keyBack      = 0x1a // Ctrl-Z
	keyInterrupt = 0x03 // Ctrl-C
)

// keyboard is the terminal's input. The key for back ends a question as Ctrl-C does, and
// keyboard remembers it.
type keyboard struct {
	*os.File
	back bool
}

func (k *keyboard) Read(p []byte) (int, error) {
	n, err := k.File.Read(p)
	for i := range p[:n] {
		if p[i] == keyBack {
			p[i], k.back = keyInterrupt, true
		}
	}
	return n, err
}

func (s *surveyAsker) Keys() string { return "Ctrl-Z goes back, Ctrl-C leaves" }

// pageSize is how many options the screen shows at once.
const pageSize = 12

// ask puts one question. survey takes the terminal over and does not notice a signal. When one
// comes, ask leaves survey behind and restores the terminal.
func (s *surveyAsker) ask(ctx context.Context, question survey.Prompt, answer any) error {
	keys := &keyboard{File: s.in}
	before, err := term.GetState(int(s.in.Fd()))
	if err != nil {
		return err
	}
	asked := make(chan error, 1)
	go program.Guard(func() {
		asked <- survey.AskOne(question, answer, survey.WithStdio(keys, s.out, s.out),
			survey.WithPageSize(pageSize), survey.WithShowCursor(true))
	})()
	select {
	case err = <-asked:
	case <-ctx.Done():
		term.Restore(int(s.in.Fd()), before)
		return hint.ErrInterrupted
	}
	switch {
	case errors.Is(err, terminal.InterruptErr) && keys.back:
		fmt.Fprintln(s.out)
		return ErrBack
	case errors.Is(err, terminal.InterruptErr), errors.Is(err, io.EOF):
		fmt.Fprintln(s.out)
		return hint.ErrInterrupted
	}
	return err
}

// line is survey's question for a line. At its end it does not erase the text above when the
// answer was longer than the screen is wide.
type line struct {
	survey.Input
	out *os.File
}

// Cleanup draws the question again with its answer. The cursor stands in the row
// in which the answer began.
func (l *line) Cleanup(config *survey.PromptConfig, value any) error {
	columns, _, err := term.GetSize(int(l.out.Fd()))
	if err != nil || columns < 1 {
		columns = maxWidth
	}
	data := survey.InputTemplateData{Input: l.Input, Config: config}
	_, question, err := core.RunTemplate(survey.InputQuestionTemplate, data)
	if err != nil {
		return err
	}
	data.ShowAnswer, data.Answer = true, value.(string)
	answered, _, err := core.RunTemplate(survey.InputQuestionTemplate, data)
	if rows := utf8.RuneCountInString(question) / columns; rows > 0 {
		fmt.Fprintf(l.out, "\x1b[%dA", rows)
	}
	fmt.Fprint(l.out, "\r\x1b[J", answered)
	return err
}

func (s *surveyAsker) Input(ctx context.Context, message, preset string) (answer string, err error) {
	err = s.ask(ctx, &line{survey.Input{Message: message, Default: preset}, s.out}, &answer)
	return answer, err
}

func (s *surveyAsker) Confirm(ctx context.Context, message string, preset bool) (answer bool, err error) {
	err = s.ask(ctx, &survey.Confirm{Message: message, Default: preset}, &answer)
	return answer, err
}

func (s *surveyAsker) Select(ctx context.Context, message string, options []string, preset int) (answer int, err error) {
	err = s.ask(ctx, &survey.Select{Message: message, Options: options, Default: preset}, &answer)
	return answer, err
}

func (s *surveyAsker) MultiSelect(ctx context.Context, message string, options []string, preset []bool) ([]bool, error) {
	var checked, answer []int
	for i, on := range preset {
		if on {
			checked = append(checked, i)
		}
	}
	err := s.ask(ctx, &survey.MultiSelect{Message: message, Options: options, Default: checked}, &answer)
	chosen := make([]bool, len(options))
	for _, i := range answer {
		chosen[i] = true
	}
	return chosen, err
}

func (s *surveyAsker) Password(ctx context.Context, message string) (answer string, err error) {
	err = s.ask(ctx, &survey.Password{Message: message}, &answer)
	return answer, err
}
