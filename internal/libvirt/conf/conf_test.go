package conf

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// oneLine prints a value for comparison, in one line even when the value has several.
func oneLine(v Value) string {
	switch v.Kind() {
	case KindInt:
		return v.formatInt()
	case KindString:
		return strconv.Quote(v.Str())
	}
	items := make([]string, len(v.items))
	for i, it := range v.items {
		items[i] = oneLine(it)
	}
	return "[" + strings.Join(items, ",") + "]"
}

// effective returns the values of c that libvirt uses.
func effective(c *File) map[string]string {
	values := make(map[string]string)
	for _, name := range c.Names() {
		v, _ := c.Lookup(name)
		values[name] = oneLine(v)
	}
	return values
}

func mustParse(t *testing.T, src string) *File {
	t.Helper()
	c, err := Parse([]byte(src))
	if err != nil {
		t.Fatalf("Parse(%q): %v", src, err)
	}
	return c
}

func TestParseAcceptedForms(t *testing.T) {
	for _, f := range slices.Concat(acceptedForms, shownForms) {
		t.Run(f.name, func(t *testing.T) {
			c := mustParse(t, f.conf)
			if got := effective(c); !maps.Equal(got, f.want) {
				t.Errorf("values of %q: got %v, want %v", f.conf, got, f.want)
			}
			if got := c.Bytes(); string(got) != f.conf {
				t.Errorf("Bytes: got %q, want %q", got, f.conf)
			}
			if err := c.CheckDaemon(); err != nil && f.message == "" {
				t.Errorf("CheckDaemon of %q: %v", f.conf, err)
			}
		})
	}
}

func TestParseRefusedForms(t *testing.T) {
	for _, f := range refusedForms {
		t.Run(f.name, func(t *testing.T) {
			c, err := Parse([]byte(f.conf))
			if f.line == 0 && err == nil {
				err = c.CheckDaemon()
			}
			var ce *Error
			if !errors.As(err, &ce) {
				t.Fatalf("%q: got error %v, want %q", f.conf, err, f.message)
			}
			if !strings.HasPrefix(ce.Msg, f.message) || f.line != 0 && ce.Line != f.line {
				t.Errorf("%q: got line %d, %q; want line %d, %q", f.conf, ce.Line, ce.Msg, f.line, f.message)
			}
		})
	}
}

func TestErrorPlace(t *testing.T) {
	tests := []struct{ conf, want string }{
		{"listen_tls = yes\n", `line 1, column 14: expecting a value (found "y")`},
		{"# a\r\n  x = 1 y\r\n", `line 2, column 9: expecting a separator (found "y")`},
		{"x = [\n  \"a\",\n  # b\n]\n", "line 3, column 3: expecting a value (a comment must not stand inside a list)"},
		{"x = [\n  \"a\" # b\n]\n", "line 2, column 7: expecting a separator in list (a comment must not stand inside a list)"},
		{"x = \"a\n", `line 1, column 7: unterminated string (the opening " is in column 5)`},
		{"\nx = \"\"\"a\nb\nc", `line 3, column 2: unterminated string (the opening """ is in line 2, column 5)`},
		{"\ufeffx = 1", "line 1, column 1: expecting a name (the file begins with a byte order mark)"},
		{"\n\n", "line 3, column 1: expecting a name (a file must not consist of blank lines alone)"},
		{"x = [\"a\"", "line 1, column 9: list is not closed with ] (the file ends here)"},
		{"x =\n", "line 1, column 4: expecting a value (the line ends here)"},
	}
	for _, tt := range tests {
		if _, err := Parse([]byte(tt.conf)); err == nil || err.Error() != tt.want {
			t.Errorf("Parse(%q):\ngot  %v\nwant %s", tt.conf, err, tt.want)
		}
	}
}

func TestCheckDaemonPlace(t *testing.T) {
	tests := []struct{ conf, want string }{
		{"# a\nlisten_tls = \"1\"\n", "line 2, column 14: expected a bool for 'listen_tls' parameter (found a string)"},
		{"tls_allowed_dn_list=[1]", "line 1, column 21: expected a string list for 'tls_allowed_dn_list' parameter (found a list with other things than strings)"},
		{"max_clients = -0", "line 1, column 15: expected an unsigned integer for 'max_clients' parameter (found a number with a minus sign)"},
	}
	for _, tt := range tests {
		if err := mustParse(t, tt.conf).CheckDaemon(); err == nil || err.Error() != tt.want {
			t.Errorf("CheckDaemon(%q):\ngot  %v\nwant %s", tt.conf, err, tt.want)
		}
	}
}

func TestParseSizeLimit(t *testing.T) {
	largest := append([]byte("x = 1\n#"), bytes.Repeat([]byte("a"), MaxSize-7)...)
	c, err := Parse(largest)
	if err != nil {
		t.Fatalf("%d bytes: %v", len(largest), err)
	}
	if err := c.Set("y", IntValue(1)); err == nil {
		t.Error("an edit made the file larger than libvirt reads it")
	}
	if _, ok := c.Lookup("y"); ok || len(c.Bytes()) != MaxSize {
		t.Error("a refused edit changed the file")
	}
	if _, err := Parse(append(largest, 'a')); err == nil {
		t.Errorf("%d bytes: accepted", len(largest)+1)
	}
}

func TestParseDepth(t *testing.T) {
	nested := func(n int) []byte {
		return []byte("x = " + strings.Repeat("[", n) + strings.Repeat("]", n))
	}
	c, err := Parse(nested(maxDepth))
	if err != nil {
		t.Fatalf("depth %d: %v", maxDepth, err)
	}
	if v, _ := c.Lookup("x"); v.IsStringList() || v.List() != nil {
		t.Error("lists in a list passed for a list of strings")
	}
	if _, err := Parse(nested(maxDepth + 1)); err == nil {
		t.Errorf("depth %d: accepted", maxDepth+1)
	}
}

func TestLinesAndDuplicates(t *testing.T) {
	c := mustParse(t, "a = 1\nb = [\n1,\n2]; a = 2\n# c\nc = \"\"\"x\n\"\"\"; b = 3\n\na = 3")
	for name, want := range map[string]int{"a": 1, "b": 2, "c": 6, "d": 0, "A": 0, "": 0} {
		if got := c.Line(name); got != want {
			t.Errorf("Line(%q): got %d, want %d", name, got, want)
		}
	}
	got := fmt.Sprint(c.Duplicates())
	if want := "[{a [1 4 9]} {b [2 7]}]"; got != want {
		t.Errorf("Duplicates: got %s, want %s", got, want)
	}
	if got := mustParse(t, "a = 1\nA = 1\n").Duplicates(); len(got) != 0 {
		t.Errorf("Duplicates of names that differ in case: got %v", got)
	}
}

func TestValueFormat(t *testing.T) {
	tests := []struct {
		value Value
		want  string // "" for an error
	}{
		{IntValue(0), "0"},
		{IntValue(-12), "-12"},
		{IntValue(-1 << 63), "-9223372036854775808"},
		{StringValue(""), `""`},
		{StringValue("O=Acme,CN=a"), `"O=Acme,CN=a"`},
		{StringValue(`a\b\`), `"a\b\"`},
		{StringValue("it's"), `"it's"`},
		{StringValue(`a"b`), `'a"b'`},
		{StringValue(`"`), `'"'`},
		{StringValue(`"""`), `'"""'`},
		{StringValue(`it's "a" b`), `"""it's "a" b"""`},
		{StringValue(`"it's" b`), `""""it's" b"""`},
		{StringValue("a\nb"), "\"\"\"a\nb\"\"\""},
		{StringValue("a\r"), "\"\"\"a\r\"\"\""},
		{StringValue("\n"), "\"\"\"\n\"\"\""},
		{StringValue("a\"\nb"), "\"\"\"a\"\nb\"\"\""},
		{StringValue(`it's "a"`), ""},
		{StringValue(`it's """a""" b`), ""},
		{StringValue("a\n\""), ""},
		{StringValue("a\x00"), ""},
		{ListValue(nil), "[]"},
		{ListValue([]string{"a"}), "[\n  \"a\"\n]"},
		{ListValue([]string{"a", `b"`}), "[\n  \"a\",\n  'b\"'\n]"},
		{ListValue([]string{"a", "b\x00"}), ""},
		{Value{}, ""},
	}
	for _, tt := range tests {
		got, err := tt.value.Format()
		if (err != nil) != (tt.want == "") || err == nil && got != tt.want {
			t.Errorf("Format of %s: got %q, %v; want %q", oneLine(tt.value), got, err, tt.want)
		}
		if err != nil {
			continue
		}
		if v, _ := mustParse(t, "x="+got).Lookup("x"); !v.Equal(tt.value) {
			t.Errorf("%q is read back as %s, want %s", got, oneLine(v), oneLine(tt.value))
		}
	}
}

func TestValueAccessors(t *testing.T) {
	list := ListValue([]string{"a", "b"})
	if list.Kind() != KindList || !slices.Equal(list.List(), []string{"a", "b"}) || list.Str() != "" {
		t.Errorf("list: got %v, %q, %q", list.Kind(), list.List(), list.Str())
	}
	if empty := ListValue(nil); empty.List() == nil || !empty.IsStringList() {
		t.Error("the empty list is no list of strings")
	}
	if v := StringValue("a"); v.Kind() != KindString || v.Str() != "a" || v.List() != nil {
		t.Errorf("string: got %v, %q, %q", v.Kind(), v.Str(), v.List())
	}
	if v := IntValue(-3); v.Kind() != KindInt || v.Int() != -3 || v.String() != "-3" {
		t.Errorf("number: got %v, %d, %s", v.Kind(), v.Int(), v)
	}
	if IntValue(1).Equal(StringValue("1")) || list.Equal(ListValue([]string{"a"})) {
		t.Error("different values are equal")
	}
	if got := StringValue("\x00").String(); !strings.HasPrefix(got, "<") {
		t.Errorf("a string that cannot be written prints as %q", got)
	}
}
