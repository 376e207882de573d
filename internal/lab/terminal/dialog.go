package terminal

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Dialog holds the actions of a person at a terminal, a line each:
//
//	expect REGEXP      wait until the program has said that, since the last keys
//	and REGEXP         the same, for text that belongs to the question before
//	type TEXT          type it, and Enter
//	secret TEXT        the same, where the typed text is not shown
//	press KEY...       enter, up, down, left, right, space, ctrl-c and so on
//	screen NAME        keep the screen
//
// Empty lines and those that begin with # are passed over.
type Dialog []Step

// Step is one line of a dialog.
type Step struct{ Verb, Argument string }

// ParseDialog reads a dialog.
func ParseDialog(text string) (Dialog, error) {
	var d Dialog
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		verb, argument, _ := strings.Cut(line, " ")
		switch verb {
		case "expect", "and", "type", "secret", "press", "screen":
			d = append(d, Step{verb, argument})
		default:
			return nil, fmt.Errorf("no such verb in a dialog: %q", line)
		}
	}
	return d, nil
}

// keys are the bytes that the keys of press send.
var keys = map[string]string{
	"enter": "\r", "tab": "\t", "space": " ", "backspace": "\x7f", "escape": "\x1b",
	"up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D",
	"ctrl-c": "\x03", "ctrl-d": "\x04", "ctrl-z": "\x1a",
}

// Stage is where a dialog is played.
type Stage struct {
	Columns, Rows int
	// Plain is for a program that lets the terminal echo and edit lines.
	Plain bool
	// Screens is the directory into which screens are written, NAME.txt each, as Tidy, if it is
	// set, makes them.
	Screens string
	Tidy    func(string) string
	// Raw is a file for everything that was written to the terminal; empty for none.
	Raw string
}

// Play runs a program, plays the dialog, and returns the program's exit status
// and its last screen.
func (s Stage) Play(cmd *exec.Cmd, d Dialog) (status int, screen string, err error) {
	t, err := Start(cmd, s.Columns, s.Rows)
	if err != nil {
		return 0, "", err
	}
	defer t.Close()
	for i, step := range d {
		how := Keys
		if secret := i+1 < len(d) && d[i+1].Verb == "secret"; s.Plain && secret {
			how = Secrets
		} else if s.Plain {
			how = Lines
		}
		if err := s.do(t, step, how); err != nil {
			return 0, t.Screen(), fmt.Errorf("%s %s: %w", step.Verb, step.Argument, err)
		}
	}
	status, err = t.Wait()
	if s.Raw != "" && err == nil {
		err = os.WriteFile(s.Raw, t.all.Bytes(), 0o644)
	}
	return status, s.tidy(t.Screen()), err
}

func (s Stage) tidy(screen string) string {
	if s.Tidy == nil {
		return screen
	}
	return s.Tidy(screen)
}

func (s Stage) do(t *Terminal, step Step, how Reading) error {
	switch step.Verb {
	case "expect", "and":
		pattern, err := regexp.Compile(step.Argument)
		if err != nil {
			return err
		}
		return t.Expect(pattern, how)
	case "type", "secret":
		return t.Type(step.Argument + "\r")
	case "press":
		var all strings.Builder
		for _, name := range strings.Fields(step.Argument) {
			if keys[name] == "" {
				return fmt.Errorf("no such key")
			}
			all.WriteString(keys[name])
		}
		return t.Type(all.String())
	}
	if err := os.MkdirAll(s.Screens, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.Screens, step.Argument+".txt"), []byte(s.tidy(t.Screen())), 0o644)
}

// prompts are the places in a dialog at which the program asks something.
func (d Dialog) prompts() []int {
	var at []int
	for i, step := range d {
		if step.Verb == "expect" || step.Verb == "and" {
			at = append(at, i)
		}
	}
	return at
}

// leave is the dialog up to a prompt, at which the given key is pressed instead of a reply.
func (d Dialog) leave(prompt int, key string) Dialog {
	return append(append(Dialog{}, d[:prompt+1]...), Step{"press", key})
}

// question is the part of a dialog that contains a prompt: from an expect up to the next.
func (d Dialog) question(prompt int) (from, to int) {
	for from = prompt; d[from].Verb != "expect"; from-- {
	}
	for to = prompt + 1; to < len(d) && d[to].Verb != "expect"; to++ {
	}
	return from, to
}

// goBack is the dialog with the key for back at a prompt. That key leads to the question
// before, or to the beginning of its own. There the dialog presses Enter, or types the secrets
// again, and goes on.
func (d Dialog) goBack(prompt int, key string) Dialog {
	again := d.leave(prompt, key)
	from, to := d.question(prompt)
	rest := d[from:]
	if from == prompt {
		from, to = d.question(from - 1)
	} else {
		rest = d[to:]
	}
	again = append(again, d[from])
	if d[from+1].Verb == "secret" {
		again = append(again, d[from+1:to]...)
	} else {
		again = append(again, Step{"press", "enter"})
	}
	return append(again, rest...)
}
