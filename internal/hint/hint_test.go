package hint

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

// refusal is an error of another package that has its own hint.
type refusal struct{}

func (refusal) Error() string { return "refusal" }
func (refusal) Hint() string  { return "chown it" }

func TestErrors(t *testing.T) {
	plain := errors.New("plain")
	for _, c := range []struct {
		name  string
		err   error
		text  string
		hint  string
		usage bool
	}{
		{"nil", nil, "", "", false},
		{"plain", plain, "plain", "", false},
		{"hinted", With(plain, "do %s", "this"), "plain", "do this", false},
		{"wrapped", fmt.Errorf("a: %w", With(plain, "this")), "a: plain", "this", false},
		{"hinted twice", With(With(plain, "inner"), "outer"), "plain", "outer", false},
		{"of another type", fmt.Errorf("a: %w", refusal{}), "a: refusal", "chown it", false},
		{"joined", errors.Join(plain, With(io.EOF, "this")), "plain\nEOF", "this", false},
		{"a percent sign in a hint", With(plain, "%s", "100%"), "plain", "100%", false},
		{"usage", Usage(plain), "plain", "", true},
		{"usage of nil", Usage(nil), "", "", false},
		{"usagef", Usagef("bad %q", "x"), `bad "x"`, "", true},
		{"usage, wrapped", fmt.Errorf("a: %w", Usagef("bad")), "a: bad", "", true},
		{"usage with a hint", Usage(With(plain, "this")), "plain", "this", true},
		{"a hint on usage", With(Usage(plain), "this"), "plain", "this", true},
	} {
		text := ""
		if c.err != nil {
			text = c.err.Error()
		}
		if text != c.text {
			t.Errorf("%s: says %q, want %q", c.name, text, c.text)
		}
		if got, ok := Of(c.err); got != c.hint || ok != (c.hint != "") {
			t.Errorf("%s: hint %q, %v, want %q", c.name, got, ok, c.hint)
		}
		if got := IsUsage(c.err); got != c.usage {
			t.Errorf("%s: IsUsage is %v", c.name, got)
		}
	}
	if err := NotUsage(fmt.Errorf("a: %w", Usage(With(plain, "this")))); IsUsage(err) || err.Error() != "plain" {
		t.Errorf("NotUsage: %v", err)
	}
	if err := NotUsage(plain); err != plain {
		t.Errorf("NotUsage: %v", err)
	}
	if err := fmt.Errorf("x: %w", With(Usagef("%w", io.EOF), "this")); !errors.Is(err, io.EOF) {
		t.Error("what is wrapped is lost")
	}
}

func TestFirst(t *testing.T) {
	for _, c := range []struct {
		errs []error
		want error
	}{
		{nil, nil},
		{[]error{nil, nil}, nil},
		{[]error{nil, io.EOF, io.ErrUnexpectedEOF}, io.EOF},
	} {
		if got := First(c.errs...); got != c.want {
			t.Errorf("First(%v) = %v, want %v", c.errs, got, c.want)
		}
	}
}
