package termtext

import (
	"slices"
	"testing"
)

func TestFold(t *testing.T) {
	for _, c := range []struct {
		line  string
		width int
		want  string
	}{
		{"", 10, "\n"},
		{"short", 10, "short\n"},
		{"one two three", 7, "one two\nthree\n"},
		{"  one two three", 10, "  one two\n      three\n"},
		{"averylongword here", 5, "averylongword\nhere\n"},
		{"\nafter a line", 20, "\nafter a line\n"},
		{"zwölf Männer", 12, "zwölf Männer\n"},
	} {
		if got := Fold(c.line, c.width); got != c.want {
			t.Errorf("Fold(%q, %d) = %q, want %q", c.line, c.width, got, c.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for text, want := range map[string][]string{
		"":                    {""},
		"one":                 {"one"},
		"one two three":       {"one two", "three"},
		"averylongword b":     {"averylongword", "b"},
		"a averylongword b":   {"a", "averylongword", "b"},
		"é é é é é é é é é é": {"é é é é", "é é é é", "é é"},
	} {
		if got := Wrap(text, 8); !slices.Equal(got, want) {
			t.Errorf("Wrap(%q) = %q, want %q", text, got, want)
		}
	}
}
