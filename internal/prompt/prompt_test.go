package prompt

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"virtpki/internal/program"
)

// typed is an asker with fixed answers; those for an empty line are presets.
type typed struct {
	Asker
	answers  []string
	messages []string
}

func (a *typed) Input(_ context.Context, message, preset string) (string, error) {
	a.messages = append(a.messages, message)
	if len(a.answers) == 0 {
		return "", ErrBack
	}
	text := a.answers[0]
	a.answers = a.answers[1:]
	if text == "" {
		text = preset
	}
	return text, nil
}

func TestLine(t *testing.T) {
	long := func(text string) error {
		if len(text) > 3 {
			return errors.New("too long")
		}
		return nil
	}
	for _, test := range []struct {
		name    string
		q       Question
		answers []string
		want    string
		wrong   int
		message string
	}{
		{"an answer", Question{Message: "Name"}, []string{" bob "}, "bob", 0, "Name"},
		{"a preset", Question{Message: "Name", Preset: "amy"}, []string{""}, "amy", 0, "Name"},
		{"emptied", Question{Message: "Name", Preset: "amy", Optional: true}, []string{"-"}, "", 0, "Name (- for none)"},
		{"a dash where there must be an answer", Question{Message: "Name"}, []string{"-"}, "-", 0, "Name"},
		{"until it is right", Question{Message: "Name", Check: long}, []string{"robert", "albert", "bob"}, "bob", 2, "Name"},
	} {
		asker, wrong := &typed{answers: test.answers}, 0
		d := &Dialog{Asker: asker, Width: maxWidth, wrong: func(error) { wrong++ }}
		got, err := d.Line(t.Context(), test.q)
		if err != nil || got != test.want || wrong != test.wrong || !slices.Contains(asker.messages, test.message) {
			t.Errorf("%s: %q, %v, %d times wrong, %q", test.name, got, err, wrong, asker.messages)
		}
	}
	d := &Dialog{Asker: &typed{}, wrong: func(error) {}}
	if _, err := d.Line(t.Context(), Question{Check: long}); !errors.Is(err, ErrBack) {
		t.Errorf("%v, want the wish to go back", err)
	}
}

func TestSay(t *testing.T) {
	var out strings.Builder
	d := &Dialog{Width: 20, out: &out}
	d.Say("Four words of %s\n  a line", "text\x1b")
	for _, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		if len(line) >= d.Width || strings.Contains(line, "\x1b") {
			t.Errorf("%q", line)
		}
	}
	if _, err := New(nil, nil, false, nil); !errors.Is(err, program.ErrNoTerminal) {
		t.Errorf("%v, want that there is no terminal", err)
	}
}
