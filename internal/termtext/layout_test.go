package termtext

import (
	"slices"
	"testing"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 10, []string{""}},
		{"short", 10, []string{"short"}},
		{"one two three", 7, []string{"one two", "three"}},
		{"averylongword b", 5, []string{"averylongword", "b"}},
		{"a averylongword b", 5, []string{"a", "averylongword", "b"}},
		{"  one two three", 10, []string{"  one two", "      three"}},
		{"\nafter a line", 20, []string{"", "after a line"}},
		{"one two\n  three four", 9, []string{"one two", "  three", "      four"}},
		{"  two   blanks ", 20, []string{"  two blanks"}},
		{"   ", 2, []string{""}},
		{"zwölf Männer", 12, []string{"zwölf Männer"}},
		{"é é é é é é é é é é", 8, []string{"é é é é", "é é é é", "é é"}},
	} {
		if got := Wrap(c.text, c.width); !slices.Equal(got, c.want) {
			t.Errorf("Wrap(%q, %d) = %q, want %q", c.text, c.width, got, c.want)
		}
	}
}
