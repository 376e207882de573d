package termtext

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// hostile has a sample of each kind of character that must not reach a terminal.
var hostile = map[string]string{
	"ESC":                      "\x1b",
	"CR":                       "\r",
	"LF":                       "\n",
	"TAB":                      "\t",
	"BS":                       "\b",
	"NUL":                      "\x00",
	"DEL":                      "\x7f",
	"C1 (CSI)":                 "\u009b",
	"C1 as a byte":             "\x9b",
	"not UTF-8":                "\xff",
	"cut short":                "\xe2\x80",
	"a surrogate":              "\xed\xa0\x80",
	"bidi override":            "\u202e",
	"bidi isolate":             "\u2067",
	"bidi mark":                "\u200f",
	"Arabic letter mark":       "\u061c",
	"zero-width space":         "\u200b",
	"zero-width joiner":        "\u200d",
	"word joiner":              "\u2060",
	"BOM":                      "\ufeff",
	"soft hyphen":              "\u00ad",
	"line separator":           "\u2028",
	"paragraph separator":      "\u2029",
	"no-break space":           "\u00a0",
	"interlinear annotation":   "\ufff9",
	"tag":                      "\U000e0041",
	"variation selector":       "\ufe0f",
	"variation selector 17":    "\U000e0100",
	"Hangul filler":            "\u3164",
	"combining grapheme join":  "\u034f",
	"private use":              "\ue000",
	"not assigned":             "\U000e0fff",
	"Mongolian vowel separato": "\u180e",
}

// plain reports whether a text consists of printable characters and line ends.
func plain(text string) bool {
	return !hasHidden(strings.ReplaceAll(text, "\n", ""))
}

func TestHostile(t *testing.T) {
	for name, bad := range hostile {
		text := "before" + bad + "after"
		for how, got := range map[string]string{
			"Line":       Line(text),
			"Quote":      Quote(text),
			"QuoteShort": QuoteShort(text),
			"ShellWord":  ShellWord(text),
			"%s":         Sprintf("%s", text),
			"%v":         Sprintf("%v", []string{text}),
			"%q":         Sprintf("%q", text),
			"%-9s":       Sprintf("%-9s", text),
			"a type":     Sprintf("%s", named(text)),
			"Stringer":   Sprintf("%v", stringer{text}),
			"error":      Sprintf("%v", fmt.Errorf("x: %w", errors.New(text))),
		} {
			if strings.Contains(got, bad) || !plain(got) || strings.Contains(got, "\n") {
				t.Errorf("%s by %s: %q", name, how, got)
			}
			if !strings.Contains(got, "before") || !strings.Contains(got, "after") {
				t.Errorf("%s by %s: %q lacks what may be seen", name, how, got)
			}
		}
		if got := Lines(text + "\n" + text); !plain(got) {
			t.Errorf("%s by Lines: %q", name, got)
		}
	}
}

type named string

type stringer struct{ text string }

func (s stringer) String() string { return s.text }

func TestLineLeavesWhatCanBeSeen(t *testing.T) {
	for _, text := range []string{"", "O=Example Org,CN=admin", "Zwölf Männer", "日本語", "Ελληνικά", "ไทย", "e\u0301", "😀", `back\slash`, "\ufffd"} {
		for how, got := range map[string]string{"Line": Line(text), "Lines": Lines(text), "Quote": Quote(text), "Sprintf": Sprintf("%s", text)} {
			if got != text {
				t.Errorf("%s(%q) = %q", how, text, got)
			}
		}
		if again := Line(Line(text + "\x1b")); again != Line(text+"\x1b") {
			t.Errorf("%q is not what Line leaves alone", again)
		}
	}
}

func TestForms(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{Line("a\x1b[2K\rb"), `a\x1b[2K\rb`},
		{Line("a\u202eb\x9b\u009b"), `a\u202eb\x9b\u009b`},
		{Lines("a\tb\nc\x1b"), "a b\nc\\x1b"},
		{Quote(`a\b`), `a\b`},
		{Quote("a\\b\x1b"), `"a\\b\x1b"`},
		{QuoteShort(strings.Repeat("é", 40)), `"` + strings.Repeat("é", 30) + `"...`},
		{Sprintf("%d of %5.1f%% %x", 3, 99.5, "hi"), "3 of  99.5% 6869"},
		{Sprintf("%[2]s %[1]s", "a\n", "b"), `b a\n`},
		{Sprintf("%-4s|%*d", "é", 3, 7), "é   |  7"},
		{Sprintf("a\n%s", Text("b\nc\x1b")), "a\nb\nc\\x1b"},
		{Sprintf("%v", errors.Join(errors.New("a\nb"), errors.New("c"))), "a\\nb\nc"},
		{Sprintf("%v", fmt.Errorf("x\n: %w", errors.Join(errors.New("a"), errors.New("b")))), "x\\n: a\nb"},
		{Sprintf("%v", fmt.Errorf("%w and\n%w", errors.New("a"), errors.New("b\r"))), `a and\nb\r`},
		{Sprintf("%v", error(nil)), "<nil>"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}

func TestJSON(t *testing.T) {
	for name, bad := range hostile {
		encoded, err := json.MarshalIndent(map[string]string{"key" + bad: "é" + bad}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		safe := JSON(encoded)
		if !plain(string(safe)) {
			t.Errorf("%s: %q", name, safe)
		}
		var before, after map[string]string
		if err := errors.Join(json.Unmarshal(encoded, &before), json.Unmarshal(safe, &after)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for key, value := range before {
			if after[key] != value {
				t.Errorf("%s: %q is read as %q", name, before, after)
			}
		}
	}
}

func TestEncode(t *testing.T) {
	got, err := Encode(map[string]string{"a": "x && y <z>\u202e"})
	if want := "{\n  \"a\": \"x && y <z>\\u202e\"\n}\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if _, err := Encode(func() {}); err == nil {
		t.Error("a function has no JSON")
	}
}
