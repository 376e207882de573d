package systemd

import (
	"slices"
	"testing"
)

// envFiles are environment files with their assignments. TestEnvFileGenerator asks systemd
// itself about them.
var envFiles = []struct {
	text string
	want []variable
}{
	{"", nil},
	{"A=1", []variable{{"A", "1"}}},
	{"A=1\nB=2\n", []variable{{"A", "1"}, {"B", "2"}}},
	{"A=1\r\nB=2\r\n", []variable{{"A", "1"}, {"B", "2"}}},
	{"  A = 1 2  \n", []variable{{"A", "1 2"}}},
	{"A=\nB=\"\"\n", []variable{{"A", ""}, {"B", ""}}},
	{"#A=1\n;B=2\n # C=3\nD=4\n", []variable{{"D", "4"}}},
	{"A=1 # 2\n", []variable{{"A", "1 # 2"}}},
	{"A\nB=1\n", []variable{{"B", "1"}}},
	{`A="x  y" ` + "\n", []variable{{"A", "x  y"}}},
	{`A="x"y` + "\n", []variable{{"A", "xy"}}},
	{`A="x" 'y'` + "\n", []variable{{"A", "xy"}}},
	{`A="x" y` + "\n", []variable{{"A", "xy"}}},
	{`A=x"y z"` + "\n", []variable{{"A", `x"y z"`}}},
	{`A='x\n"y"'` + "\n", []variable{{"A", `x\n"y"`}}},
	{`A="a\"b\\c\nd"` + "\n", []variable{{"A", `a"b\c\nd`}}},
	{"A=\"a\\\nb\"\n", []variable{{"A", "ab"}}},
	{"A=\"a\nb\"\n", []variable{{"A", "a\nb"}}},
	{"A=a\\\nb\n", []variable{{"A", "ab"}}},
	{`A=a\ b\"c` + "\n", []variable{{"A", `a b"c`}}},
	{`A=a\  ` + "\n", []variable{{"A", "a "}}},
	{"A='unfinished", []variable{{"A", "unfinished"}}},
	{"A=1\nA=2\n", []variable{{"A", "2"}}},
	{"A=--listen\nA=\"\"\n", []variable{{"A", ""}}},
	{"export A=1\nB=2\n", []variable{{"B", "2"}}}, // not the name of a variable
	{"1A=1\nB=2\n", []variable{{"B", "2"}}},
}

// set returns the variables that the assignments set.
func set(all []variable) []variable {
	var last []variable
	for _, v := range all {
		last = slices.DeleteFunc(last, func(old variable) bool { return old.name == v.name })
		if validName(v.name) {
			last = append(last, v)
		}
	}
	return last
}

func TestParseEnvFile(t *testing.T) {
	for _, c := range envFiles {
		got, ok := parseEnvFile([]byte(c.text))
		if got = set(got); !ok || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, %t; want %q", c.text, got, ok, c.want)
		}
	}
	if got, ok := parseEnvFile([]byte("A=1\nB=\xff\n")); ok || got != nil {
		t.Errorf("a file that is not UTF-8: %q, %t", got, ok)
	}
}
