package prompt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"

	"virtpki/internal/hint"
	"virtpki/internal/program"
)

// plainAsker asks in lines that stay where they are, for screen readers and for terminals that
// can only do that.
type plainAsker struct {
	in  *os.File
	out io.Writer
}

// backWord is typed to go back.
const backWord = "<"

func (p *plainAsker) Keys() string { return backWord + " goes back, Ctrl-C leaves" }

// line returns the line that read reads, unless the user presses Ctrl-C.
func (p *plainAsker) line(ctx context.Context, prompt string, read func() (string, error)) (string, error) {
	fmt.Fprintf(p.out, "%s: ", prompt)
	before, err := term.GetState(int(p.in.Fd()))
	if err != nil {
		return "", err
	}
	type typed struct {
		text string
		err  error
	}
	line := make(chan typed, 1)
	go program.Guard(func() {
		text, err := read()
		line <- typed{text, err}
	})()
	select {
	case <-ctx.Done():
		term.Restore(int(p.in.Fd()), before)
		fmt.Fprintln(p.out)
		return "", hint.ErrInterrupted
	case t := <-line:
		switch {
		case errors.Is(t.err, io.EOF):
			fmt.Fprintln(p.out)
			return "", hint.ErrInterrupted
		case t.err == nil && strings.TrimSpace(t.text) == backWord:
			return "", ErrBack
		}
		return t.text, t.err
	}
}

// readLine reads one line, byte by byte: text that is typed ahead is for the next question.
func (p *plainAsker) readLine() (string, error) {
	var line []byte
	b := make([]byte, 1)
	for {
		switch n, err := p.in.Read(b); {
		case err != nil:
			return "", err
		case n == 0:
			return "", io.EOF
		case b[0] == '\n':
			return strings.TrimSuffix(string(line), "\r"), nil
		}
		line = append(line, b[0])
	}
}

func (p *plainAsker) Input(ctx context.Context, message, preset string) (string, error) {
	prompt := message
	if preset != "" {
		prompt += " [" + preset + "]"
	}
	text, err := p.line(ctx, prompt, p.readLine)
	if err == nil && strings.TrimSpace(text) == "" {
		text = preset
	}
	return text, err
}

func (p *plainAsker) Confirm(ctx context.Context, message string, preset bool) (bool, error) {
	word := map[bool]string{true: "yes", false: "no"}
	for {
		text, err := p.Input(ctx, message+" (yes or no)", word[preset])
		if err != nil {
			return false, err
		}
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
		fmt.Fprintln(p.out, "Type yes or no.")
	}
}

// list prints options with their numbers; mark returns the text before each.
func (p *plainAsker) list(message string, options []string, mark func(int) string) {
	fmt.Fprintln(p.out, message)
	for i, option := range options {
		fmt.Fprintf(p.out, "  %d) %s%s\n", i+1, mark(i), option)
	}
}

// number reads the number of an option, counted from 0.
func (p *plainAsker) number(text string, options []string) (int, bool) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > len(options) {
		fmt.Fprintf(p.out, "%q is not a number from 1 to %d.\n", text, len(options))
		return 0, false
	}
	return n - 1, true
}

func (p *plainAsker) Select(ctx context.Context, message string, options []string, preset int) (int, error) {
	p.list(message, options, func(int) string { return "" })
	for {
		text, err := p.Input(ctx, "Number", strconv.Itoa(preset+1))
		if err != nil {
			return 0, err
		}
		if n, ok := p.number(strings.TrimSpace(text), options); ok {
			return n, nil
		}
	}
}

func (p *plainAsker) MultiSelect(ctx context.Context, message string, options []string, preset []bool) ([]bool, error) {
	chosen := append([]bool{}, preset...)
	mark := func(i int) string {
		if chosen[i] {
			return "yes  "
		}
		return "no   "
	}
	for {
		p.list(message, options, mark)
		text, err := p.Input(ctx, "Numbers to turn from yes to no and back; empty: continue", "")
		fields := strings.Fields(strings.ReplaceAll(text, ",", " "))
		if err != nil || len(fields) == 0 {
			return chosen, err
		}
		for _, field := range fields {
			if n, ok := p.number(field, options); ok {
				chosen[n] = !chosen[n]
			}
		}
	}
}

func (p *plainAsker) Password(ctx context.Context, message string) (string, error) {
	return p.line(ctx, message, func() (string, error) {
		secret, err := term.ReadPassword(int(p.in.Fd()))
		fmt.Fprintln(p.out)
		return string(secret), err
	})
}
