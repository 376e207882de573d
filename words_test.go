package virtpki_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The prose of the project, in the areas whose words are counted apart.
const (
	inComments = "comments"
	inHelp     = "help texts"
	inDocs     = "docs"
	inMessages = "messages"
)

// wordRule is a habit of writing that readers stop at. limits says how often it may stand in
// 1,000 words of each area. A limit is lowered when the text has become better, and never
// raised.
type wordRule struct {
	name   string
	say    string
	match  *regexp.Regexp
	limits map[string]float64
}

// wordRules begins with the three habits that are measured beside other projects; the words
// that have one better word each follow.
var wordRules = []wordRule{
	{`relative "what"`, "the noun: certificate, file, response, host", phrase(`what`), perThousand(0.4, 0.1, 0.3, 0.1)},
	{`"is no NOUN"`, "is not a NOUN", regexp.MustCompile(`(?i)\b(is|are|was|were|be) no (?:[a-km-z]|l[^o])\w*`), perThousand(0.2, 0.2, 0.2, 0.75)},
	{"whoever, whom, whose", "anyone who; the client; with its", phrase(`whoever|whom|whose`), perThousand(0.3, 0.1, 0.3, 0.1)},
	{"anew", "again, renew, replace, restart", phrase(`anew`), perThousand(0.05, 0.05, 0.05, 0)},
	{"mend, cure", "fix", phrase(`mend(s|ed|ing)?|cures?`), perThousand(0, 0, 0, 0)},
	{"folder", "directory", phrase(`folders?`), perThousand(0.2, 0.1, 0.1, 0.3)},
	{"conf", "configuration file, or its name", regexp.MustCompile(`(?i)(?:^|[ (])confs?(?:[ ,;:).]|$)`), perThousand(0.1, 0.1, 0.2, 0.05)},
	{"let in, lock out nobody", "admit, allow, refuse", phrase(`lets? (\w+ ){0,2}in|(shuts?|locks?) out nobody|lets? nobody in`), perThousand(0.1, 0.1, 0.1, 0.05)},
	{"wrong use", "usage error", phrase(`wrong use`), perThousand(0.05, 0, 0.05, 0)},
	{"says no", "check failed, refuses", phrase(`sa(y|ys|id) no`), perThousand(0.05, 0.1, 0.05, 0)},
	{"generation before, of before", "previous certificate, previous key", phrase(`generations? before|of before`), perThousand(0.05, 0.1, 0.05, 0)},
	{"leafs", "leaf certificates", phrase(`leafs`), perThousand(0.02, 0, 0, 0)},
	{"cut short, gone on with", "interrupted, resumed", phrase(`cut short|gone on with`), perThousand(0.05, 0.1, 0.05, 0)},
	{"errors alone", "only errors", phrase(`errors alone`), perThousand(0, 0, 0, 0)},
}

// allowedLines are parts of lines in which a rule's words are meant: a title that is quoted,
// or a sentence about the word itself.
var allowedLines = []string{}

func phrase(words string) *regexp.Regexp { return regexp.MustCompile(`(?i)\b(?:` + words + `)\b`) }

func perThousand(comments, help, docs, messages float64) map[string]float64 {
	return map[string]float64{inComments: comments, inHelp: help, inDocs: docs, inMessages: messages}
}

// Readers stop at each of these habits. The counts are those of the whole project, so that one
// sentence that needs the word fails nobody.
func TestWords(t *testing.T) {
	prose := map[string][]passage{inComments: comments(t), inHelp: pages(t, "cmd/virtpki/help/*.txt"), inDocs: pages(t, "README.md", "SECURITY.md", "docs/*.md"),
		inMessages: messages(t)}
	for area, passages := range prose {
		total := 0
		for _, p := range passages {
			total += len(strings.Fields(p.text))
		}
		if total < 1000 {
			t.Fatalf("%s have %d words: they are not read as they are written", area, total)
		}
		for _, rule := range wordRules {
			found := findings(passages, rule.match)
			rate := float64(len(found)) * 1000 / float64(total)
			t.Logf("%-10s %-30s %4d in %d words: %.2f of %.2f", area, rule.name, len(found), total, rate, rule.limits[area])
			if rate > rule.limits[area] {
				t.Errorf("%s: %s stands there %d times, %.2f in 1,000 words, more than %.2f; say %s:\n%s",
					area, rule.name, len(found), rate, rule.limits[area], rule.say, strings.Join(found[:min(len(found), 40)], "\n"))
			}
		}
	}
}

// passage is one paragraph of prose in a file.
type passage struct{ file, text string }

// comments returns the paragraphs of the comments of all Go files.
func comments(t *testing.T) []passage {
	var all []passage
	for _, src := range sources(t) {
		for _, group := range src.file.Comments {
			for _, paragraph := range paragraphs(group.Text()) {
				all = append(all, passage{src.path, paragraph})
			}
		}
	}
	return all
}

// messages returns the string literals of the program that are prose: errors, hints, notes and
// the descriptions of flags. Those of tests, and of the rooms that only tests use, are not counted.
func messages(t *testing.T) []passage {
	var all []passage
	for _, src := range sources(t) {
		if strings.HasSuffix(src.path, "_test.go") || strings.HasPrefix(src.pkg, "internal/lab") || strings.HasPrefix(src.pkg, "bench") {
			continue
		}
		ast.Inspect(src.file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatalf("%s: %v", src.path, err)
				}
				if isProse(text) {
					all = append(all, passage{src.path, inline.ReplaceAllString(text, "CODE")})
				}
			}
			return true
		})
	}
	return all
}

// isProse reports whether a string literal is a sentence, or a part of one. Scripts, lists of
// words and contents of files have several lines.
func isProse(text string) bool {
	return len(strings.Fields(text)) >= 3 && !strings.Contains(strings.TrimSpace(text), "\n")
}

// pages returns the paragraphs of text files. In a directory of docs the pages that are made
// from other text are left out: that text is counted where it stands.
func pages(t *testing.T, patterns ...string) []passage {
	var all []passage
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s matches no file: %v", pattern, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, paragraph := range paragraphs(string(text)) {
				all = append(all, passage{name, paragraph})
			}
		}
	}
	return all
}

var (
	fenced = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	inline = regexp.MustCompile("`[^`\n]*`")
	links  = regexp.MustCompile(`\]\([^)]*\)`)
)

// paragraphs returns prose without its commands: fenced and indented blocks, and code within
// a line.
func paragraphs(text string) []string {
	text = links.ReplaceAllString(inline.ReplaceAllString(fenced.ReplaceAllString(text, "\n"), "CODE"), "]")
	var all []string
	for _, block := range strings.Split(text, "\n\n") {
		lines := strings.Split(block, "\n")
		lines = slices.DeleteFunc(lines, func(line string) bool {
			return strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "\t") || strings.HasPrefix(line, "  virtpki")
		})
		if joined := strings.TrimSpace(strings.Join(lines, " ")); joined != "" {
			all = append(all, joined)
		}
	}
	return all
}

// findings returns each match with its file and the words around it. A question may ask what.
func findings(passages []passage, match *regexp.Regexp) []string {
	var all []string
	for _, p := range passages {
		for _, at := range match.FindAllStringIndex(p.text, -1) {
			near := p.text[max(0, at[0]-40):min(len(p.text), at[1]+40)]
			if isQuestion(p.text[at[1]:]) || slices.ContainsFunc(allowedLines, func(part string) bool { return strings.Contains(near, part) }) {
				continue
			}
			all = append(all, fmt.Sprintf("  %s: %s", p.file, near))
		}
	}
	return all
}

// isQuestion reports whether the sentence that goes on with rest ends with a question mark.
func isQuestion(rest string) bool {
	end := strings.IndexAny(rest, ".?!:")
	return end >= 0 && rest[end] == '?'
}

// The rules find the words that they are for.
func TestWordRules(t *testing.T) {
	for text, rule := range map[string]int{
		"renew what is due":                    0,
		"it is no directory":                   1,
		"tells whom it admits":                 2,
		"made anew":                            3,
		"the folder of a use":                  5,
		"reads its conf again":                 6,
		"lets the client in":                   7,
		"2 wrong use":                          8,
		"a run that was\ncut short goes on":    12,
		"the files of before are put back":     10,
		"a libvirtd.conf that somebody else":   -1,
		"it is no longer there":                -1,
		"What happens to the running guests?":  -1,
		"run `virtpki anew what` and look":     -1,
		"```\nwhat folder\n```\nand that's it": -1,
	} {
		var found []passage
		for _, p := range paragraphs(text) {
			found = append(found, passage{"x", p})
		}
		for i, r := range wordRules {
			if got := len(findings(found, r.match)) > 0; got != (i == rule) {
				t.Errorf("%q: rule %q finds it: %v", text, r.name, got)
			}
		}
	}
}

// Messages are the string literals that are sentences.
func TestWordMessages(t *testing.T) {
	for text, want := range map[string]bool{
		"the CA is whole":           true,
		"%s: it reads %s":           true,
		"servercert.pem":            false,
		"MAC-ALL AES\nCIPHER-ALL X": false,
	} {
		if got := isProse(text); got != want {
			t.Errorf("%q is prose: %v", text, got)
		}
	}
	if all := messages(t); len(all) < 1000 {
		t.Errorf("found %d messages: the sources are not read as they are written", len(all))
	}
}
