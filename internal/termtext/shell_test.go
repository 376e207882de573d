package termtext

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A shell shows how it reads the line.
func TestShellLine(t *testing.T) {
	words := []string{"virtpki", "a b", "--x", "it's", "--y=*", "", "$HOME", "`id`", "tab\there", "new\nline", "\x1b[2K%d\\x", "it's\x7f", "\u202egnp.exe", "\xff\xfe", "-n\x1b", "!\x1b!", `back\slash`, "--flag", "--next", "ünï", ";", "-"}
	for _, width := range []int{10, 40, 80, 1000} {
		line := ShellLine(words, width)
		out, err := exec.Command("sh", "-c", `printf '%s\0' `+line).Output()
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); !slices.Equal(got, words) {
			t.Errorf("width %d: a shell reads %q, want %q\n%s", width, got, words, line)
		}
	}
}

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"/etc/pki/CA/cacert.pem": "/etc/pki/CA/cacert.pem", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "CN=*": "'CN=*'", "~": "'~'",
		"a\nb": `"$(printf 'a\012b')"`, "100%\x1b\\'": `"$(printf '100%%\033\\'\''')"`, "\u202e": `"$(printf '\342\200\256')"`, "\x9b": `"$(printf '\233')"`,
		// printf takes a dash for an option, and some interactive shells a ! for their history.
		"-n\x1b": `"$(printf '\055n\033')"`, "a!b\x1b-": `"$(printf 'a\041b\033-')"`,
	} {
		if got := ShellWord(word); got != want {
			t.Errorf("ShellWord(%q) = %s, want %s", word, got, want)
		}
	}
}

func FuzzReadWord(f *testing.F) {
	for _, word := range []string{"/etc/pki", "", "a b", "it's", "'", "100%\x1b\\'", "\u202e", "-!\xff", "\\012\n", "%%\\\\\x00"} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		for _, after := range []string{"", " b", ";b", "' '", `")`} {
			if plainWord.MatchString(word) && strings.HasPrefix(after, "'") {
				continue // one word with it
			}
			if got := ReadWord(ShellWord(word) + after); got != word {
				t.Errorf("%q before %q: %q", word, after, got)
			}
		}
	})
}

func TestShellFlags(t *testing.T) {
	for _, row := range []struct {
		values []string
		want   string
	}{
		{nil, ""},
		{[]string{"hv1.lab.example"}, "--san hv1.lab.example"},
		{[]string{"hv1", "it's"}, `--san hv1 --san 'it'\''s'`},
		{[]string{"a, b"}, "--san 'a, b'"},
	} {
		if got := ShellFlags("--san", row.values...); got != row.want {
			t.Errorf("%q: %s, want %s", row.values, got, row.want)
		}
	}
}
