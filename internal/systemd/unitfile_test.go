package systemd

import (
	"slices"
	"testing"
)

func TestParseUnit(t *testing.T) {
	for _, c := range []struct {
		text string
		want []assignment
		bad  bool
	}{
		{"", nil, false},
		{"A=1\n", nil, false}, // outside of a section
		{"[S]\nA=1\n", []assignment{{"S", "A", "1"}}, false},
		{"[S]\nA=1", []assignment{{"S", "A", "1"}}, false},
		{"[S]\r\nA=1\r\n", []assignment{{"S", "A", "1"}}, false},
		{"\ufeff[S]\nA=1\n", []assignment{{"S", "A", "1"}}, false},
		{"  [S]  \n  A = 1 2  \n", []assignment{{"S", "A", "1 2"}}, false},
		{"[S]\nA=\n", []assignment{{"S", "A", ""}}, false},
		{"[S]\nA=b=c\n", []assignment{{"S", "A", "b=c"}}, false},
		{"[S]\nA\nB=1\n", []assignment{{"S", "B", "1"}}, false},
		{"[S]\n#A=1\n;A=2\n  # A=3\nA=4\n", []assignment{{"S", "A", "4"}}, false},
		{"[S]\nA=1 # 2\n", []assignment{{"S", "A", "1 # 2"}}, false}, // no comments at a line's end
		{"[S]\nA=1\\\n2\n", []assignment{{"S", "A", "1 2"}}, false},
		{"[S]\nA=1\\\n# x\n2\nB=3\n", []assignment{{"S", "A", "1 2"}, {"S", "B", "3"}}, false},
		{"[S]\nA=1\\\\\nB=2\n", []assignment{{"S", "A", `1\\`}, {"S", "B", "2"}}, false},
		{"[S]\n# x\\\nA=1\n", []assignment{{"S", "A", "1"}}, false}, // a comment does not go on
		{"[S]\nA=1\\", []assignment{{"S", "A", "1"}}, false},
		{"[S]\nA=1\n[T]\nA=2\n", []assignment{{"S", "A", "1"}, {"T", "A", "2"}}, false},
		{"[S]\nA=1\n[T\nA=2\n", []assignment{{"S", "A", "1"}}, true},
	} {
		got, err := parseUnit([]byte(c.text))
		if !slices.Equal(got, c.want) || (err != nil) != c.bad {
			t.Errorf("%q: %q, %v; want %q", c.text, got, err, c.want)
		}
	}
}
