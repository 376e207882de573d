package conf

import "testing"

func TestSet(t *testing.T) {
	list := ListValue([]string{"O=a,CN=b", "CN=c"})
	const listText = "[\n  \"O=a,CN=b\",\n  \"CN=c\"\n]"
	tests := []struct {
		name, conf, key string
		value           Value
		want            string
	}{
		{"active entry", "a = 1\nb = 2 # c\n", "b", IntValue(3), "a = 1\nb = 3 # c\n"},
		{"active entry keeps its blanks", "\tb=2\t;c=1", "b", IntValue(3), "\tb=3\t;c=1"},
		{"active entry changes its type", "b = \"x\"#c", "b", list, "b = " + listText + "#c"},
		{"active list over lines", "x = [\n 'a', 'b'\n] # c\ny = 1", "x", ListValue([]string{"z"}), "x = [\n  \"z\"\n] # c\ny = 1"},
		{"active empty list", "x = [\n]\n", "x", list, "x = " + listText + "\n"},
		{"list becomes empty", "x = [\n\"a\"]\n", "x", ListValue(nil), "x = []\n"},
		{"same value stays as written", "x = [ 'a', ]\ny = 007;z = \"\"\"q\"\"\"", "x", ListValue([]string{"a"}), "x = [ 'a', ]\ny = 007;z = \"\"\"q\"\"\""},
		{"first of several is replaced", "b = 1\nb = 2\n", "b", IntValue(3), "b = 3\nb = 2\n"},
		{"active goes before commented-out", "#b = 1\na = 1\nb = 2\n", "b", IntValue(3), "#b = 1\na = 1\nb = 3\n"},
		{"minus sign makes another value", "b = -0\n", "b", IntValue(0), "b = 0\n"},

		{"commented-out", "# help\n#b = 1\n\n# more\n#c = 2\n", "b", IntValue(3), "# help\n#b = 1\nb = 3\n\n# more\n#c = 2\n"},
		{"commented-out with blanks", "#  b   = 1\n#c = 2\n", "b", IntValue(3), "#  b   = 1\nb = 3\n#c = 2\n"},
		{"commented-out without blanks", "#b=1\nc=2\n", "b", IntValue(3), "#b=1\nb = 3\nc=2\n"},
		{"commented-out at the end", "#b = 1", "b", IntValue(3), "#b = 1\nb = 3\n"},
		{"commented-out, longer name", "#bc = 1\n#ab = 1\n#b\n", "b", IntValue(3), "#bc = 1\n#ab = 1\n#b\nb = 3\n"},
		{"commented-out after an entry", "a = 1 #b = 1\nc = 1\n", "b", IntValue(3), "a = 1 #b = 1\nc = 1\nb = 3\n"},
		{"commented-out in a string", "a = \"\"\"\n#b = 1\n\"\"\"\nc = 1\n", "b", IntValue(3), "a = \"\"\"\n#b = 1\n\"\"\"\nc = 1\nb = 3\n"},
		{"plain goes before a sentence", "#b = 1\n# b = 2 means\na = 1\n", "b", IntValue(3), "#b = 1\nb = 3\n# b = 2 means\na = 1\n"},
		{"last of several examples", "#b = 1\n#b = 2\na = 1\n", "b", IntValue(3), "#b = 1\n#b = 2\nb = 3\na = 1\n"},
		{"commented-out list", "#x = [\n#  'a',\n#  'b'\n#]\n# next\n", "x", list, "#x = [\n#  'a',\n#  'b'\n#]\nx = " + listText + "\n# next\n"},
		{"commented-out indented list", " # x = [\n #  'a' ]\n # next\n", "x", IntValue(1), " # x = [\n #  'a' ]\nx = 1\n # next\n"},
		{"commented-out list with a comment in it", "#x = [\n#  'a', # b\n#]\n#next\n", "x", IntValue(1), "#x = [\n#  'a', # b\n#]\nx = 1\n#next\n"},
		{"commented-out list that is not closed", "#x = [\n#  'a',\n#\n# text\n#]\n", "x", IntValue(1), "#x = [\nx = 1\n#  'a',\n#\n# text\n#]\n"},
		{"commented-out long string", "#x = \"\"\"a\n#b\"\"\"\n#c\n", "x", IntValue(1), "#x = \"\"\"a\n#b\"\"\"\nx = 1\n#c\n"},
		{"comment that only looks like a list", "#x = [see below]\n#]\n", "x", IntValue(1), "#x = [see below]\n#]\nx = 1\n"},
		{"blank line ends a commented-out list", "#x = [\n#  'a'\n\n#]\n", "x", IntValue(1), "#x = [\nx = 1\n#  'a'\n\n#]\n"},
		{"commented-out in CR LF", "#x = [\r\n# 'a' ]\r\n#c\r\n", "x", list, "#x = [\r\n# 'a' ]\r\nx = [\r\n  \"O=a,CN=b\",\r\n  \"CN=c\"\r\n]\r\n#c\r\n"},

		{"append", "a = 1\n", "b", StringValue("x"), "a = 1\nb = \"x\"\n"},
		{"append without line end", "a = 1", "b", StringValue("x"), "a = 1\nb = \"x\"\n"},
		{"append after a semicolon", "a = 1;", "b", StringValue("x"), "a = 1;\nb = \"x\"\n"},
		{"append to nothing", "", "b", StringValue("x"), "b = \"x\"\n"},
		{"append in CR LF", "a = 1\r\nc = 2", "b", StringValue("x"), "a = 1\r\nc = 2\r\nb = \"x\"\r\n"},
		{"append after blank lines", "a = 1\n\n  ", "b", StringValue("x"), "a = 1\n\n  \nb = \"x\"\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := mustParse(t, tt.conf)
			for range 2 { // the second time changes nothing
				if err := c.Set(tt.key, tt.value); err != nil {
					t.Fatal(err)
				}
				if got := string(c.Bytes()); got != tt.want {
					t.Errorf("got  %q\nwant %q", got, tt.want)
				}
			}
			if got, ok := c.Lookup(tt.key); !ok || !got.Equal(tt.value) {
				t.Errorf("Lookup: got %v, %v; want %v", got, ok, tt.value)
			}
		})
	}
}

func TestSetRefuses(t *testing.T) {
	tests := []struct {
		name  string
		key   string
		value Value
	}{
		{"empty name", "", IntValue(1)},
		{"name with a minus sign", "a-b", IntValue(1)},
		{"name that begins with a digit", "1a", IntValue(1)},
		{"name with a line end", "a\n", IntValue(1)},
		{"name with an entry in it", "a = 1; b", IntValue(1)},
		{"string with a NUL", "a", StringValue("x\x00")},
		{"string that no quotes hold", "a", StringValue("it's \"")},
		{"no value", "a", Value{}},
	}
	for _, tt := range tests {
		c := mustParse(t, "a = 7\n")
		if err := c.Set(tt.key, tt.value); err == nil {
			t.Errorf("%s: accepted", tt.name)
		}
		if got := string(c.Bytes()); got != "a = 7\n" {
			t.Errorf("%s: the file changed to %q", tt.name, got)
		}
	}
}

// A File must not write into the bytes that it was made of.
func TestEditLeavesSource(t *testing.T) {
	src := append(make([]byte, 0, 100), "#b = 1\na = 1\n"...)
	c, err := Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Set("b", IntValue(2)); err != nil {
		t.Fatal(err)
	}
	c.Unset("a")
	if string(src) != "#b = 1\na = 1\n" {
		t.Errorf("source became %q", src)
	}
}

func TestUnset(t *testing.T) {
	tests := []struct{ name, conf, key, want string }{
		{"line", "a = 1\nb = 2\nc = 3\n", "b", "a = 1\nc = 3\n"},
		{"line with its comment", "a = 1\n  b = 2 # why\nc = 3\n", "b", "a = 1\nc = 3\n"},
		{"comments around stay", "# x\n#b = 1\nb = 2\n# y\n", "b", "# x\n#b = 1\n# y\n"},
		{"list over lines", "a = 1\nb = [\n  'x',\n  'y'\n]\nc = 3\n", "b", "a = 1\nc = 3\n"},
		{"all duplicates", "b = 1\na = 1\nb = 2\nb = 3", "b", "a = 1\n"},
		{"CR LF", "a = 1\r\nb = 2\r\nc = 3\r\n", "b", "a = 1\r\nc = 3\r\n"},
		{"CR", "a = 1\rb = 2\rc = 3\r", "b", "a = 1\rc = 3\r"},
		{"line with a semicolon", "a = 1\nb = 2 ; \nc = 3\n", "b", "a = 1\nc = 3\n"},
		{"first on a line", "b = 2; c = 3\n", "b", "c = 3\n"},
		{"middle of a line", "a = 1; b = 2; c = 3\n", "b", "a = 1; c = 3\n"},
		{"end of a line", "a = 1; b = 2\nc = 3\n", "b", "a = 1; \nc = 3\n"},
		{"end of a line with a semicolon", "a = 1; b = 2;\nc = 3\n", "b", "a = 1; \nc = 3\n"},
		{"end of a line with a comment", "a = 1; b = 2 # c\n", "b", "a = 1; # c\n"},
		{"comment after a semicolon", "b = 2; # c\na = 1\n", "b", "# c\na = 1\n"},
		{"two on a line", "b = 1; b = 2 # c\na = 1\n", "b", "a = 1\n"},
		{"two on a line after another", "a = 1; b = 1; b = 2\n", "b", "a = 1; \n"},
		{"list in the middle of lines", "a = 1; b = [\n]; c = 3\n", "b", "a = 1; c = 3\n"},
		{"all there is", "b = 1", "b", ""},
		{"all but blank lines", "\n \nb = 1\n\n", "b", ""},
		{"nothing of that name", "a = 1\n#b = 2\n", "b", "a = 1\n#b = 2\n"},
		{"name in other case", "B = 1\n", "b", "B = 1\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := mustParse(t, tt.conf)
			_, had := c.Lookup(tt.key)
			if got := c.Unset(tt.key); got != had {
				t.Errorf("reported %v, want %v", got, had)
			}
			if got := string(c.Bytes()); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if _, ok := c.Lookup(tt.key); ok {
				t.Error("still there")
			}
		})
	}
}
