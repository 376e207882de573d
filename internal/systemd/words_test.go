package systemd

import (
	"slices"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		text   string
		exact  []string // with escapes, as Environment= and ExecStart= are read
		loose  []string // as the value of $NAME is split
		broken bool     // the first is refused after these words
	}{
		{"", nil, nil, false},
		{" \t ", nil, nil, false},
		{"a b", []string{"a", "b"}, []string{"a", "b"}, false},
		{"  a\t\tb  ", []string{"a", "b"}, []string{"a", "b"}, false},
		{`"a b" c`, []string{"a b", "c"}, []string{"a b", "c"}, false},
		{`a"b c"d`, []string{"ab cd"}, []string{"ab cd"}, false},
		{`'a "b"' c`, []string{`a "b"`, "c"}, []string{`a "b"`, "c"}, false},
		{`"" ''`, []string{"", ""}, []string{"", ""}, false},
		{`A="x y"`, []string{"A=x y"}, []string{"A=x y"}, false},
		{`a\ b`, []string{`a\ b`}, []string{"a b"}, false}, // no escape: kept as it is written
		{`a\sb`, []string{"a b"}, []string{"asb"}, false},
		{`\x41\102\u00e9`, []string{"ABé"}, []string{"x41102u00e9"}, false},
		{`"\n"`, []string{"\n"}, []string{"n"}, false},
		{`\"a\"`, []string{`"a"`}, []string{`"a"`}, false},
		{`'\''`, []string{"'"}, []string{"'"}, false},
		{`\z`, []string{`\z`}, []string{"z"}, false},
		{`\x00`, []string{`\x00`}, []string{"x00"}, false},
		{`\x4`, []string{`\x4`}, []string{"x4"}, false},
		{`\777`, []string{`\777`}, []string{"777"}, false},
		{`a "b`, []string{"a"}, []string{"a", "b"}, true},
		{`a b\`, []string{"a"}, []string{"a", "b"}, true},
	} {
		got, err := splitting{unescape: true}.split(c.text)
		if !slices.Equal(got, c.exact) || (err != nil) != c.broken {
			t.Errorf("%q: %q, %v; want %q", c.text, got, err, c.exact)
		}
		if got, err := (splitting{relaxed: true}).split(c.text); !slices.Equal(got, c.loose) || err != nil {
			t.Errorf("%q as a value: %q, %v; want %q", c.text, got, err, c.loose)
		}
	}
}
