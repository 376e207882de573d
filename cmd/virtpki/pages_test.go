package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"virtpki/internal/issuer"
)

// docPages returns the text of every page that is written by hand, by its path from the root
// of the module.
func docPages(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(names) < 10 {
		t.Fatalf("found %d pages, %v", len(names), err)
	}
	pages := make(map[string]string)
	for _, name := range append(names, "../../README.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pages[strings.TrimPrefix(name, "../../")] = string(text)
	}
	return pages
}

var (
	inlineCode = regexp.MustCompile("`(virtpki [^`\n]+)`")
	explained  = regexp.MustCompile(`check --explain ([a-z0-9-]+)`)
	// typedCommand is a line of a block, with or without a prompt. shell is the part of the line
	// that does not belong to virtpki.
	typedCommand = regexp.MustCompile(`^(?:    )?(?:[a-z0-9]*[#$] +)?(virtpki [a-z-].*)$`)
	shell        = regexp.MustCompile(`(^| )[|>;#&].*$|'[^']*'|"[^"]*"|\$\([^)]*\)`)
	linked       = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
)

// TestPagesCommands checks that each command on a page has a name and flags that exist. It treats
// blocks and code in the text alike.
func TestPagesCommands(t *testing.T) {
	root := newRoot(newEnv())
	for name, text := range docPages(t) {
		lines := commandLines(text)
		for _, code := range inlineCode.FindAllStringSubmatch(text, -1) {
			lines = append(lines, code[1])
		}
		for _, line := range lines {
			checkCommand(t, root, name, line)
		}
	}
}

// commandLines returns the lines of the blocks that run virtpki, with or without a prompt.
func commandLines(text string) []string {
	var lines []string
	fenced := false
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		match := typedCommand.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if match != nil && (fenced || strings.HasPrefix(line, "    ")) {
			lines = append(lines, match[1])
		}
	}
	return lines
}

// checkCommand checks that the words of a line lead to a command, and that the command has each
// flag.
func checkCommand(t *testing.T, root *cobra.Command, page, line string) {
	t.Helper()
	words := strings.Fields(shell.ReplaceAllString(line, " "))
	cmd := root
	for _, word := range words[1:] {
		name, _, _ := strings.Cut(strings.Trim(word, ",;"), "=")
		if child := childNamed(cmd, name); child != nil {
			cmd = child
			continue
		}
		if !strings.HasPrefix(name, "-") || name == "-" || name == "--" {
			continue
		}
		flag := cmd.Flag(strings.TrimLeft(name, "-"))
		if flag == nil && len(name) == 2 {
			flag = shorthand(cmd, name[1:])
		}
		if flag == nil && name != "--help" {
			t.Errorf("%s: %q: %s has no flag %s", page, line, cmd.CommandPath(), name)
		}
	}
	if cmd == root && len(words) > 1 && !strings.HasPrefix(words[1], "-") && words[1] == strings.ToLower(words[1]) && words[1] != "help" && words[1] != "completion" {
		t.Errorf("%s: %q: virtpki has no command %s", page, line, words[1])
	}
}

// childNamed returns the subcommand of that name, or nil.
func childNamed(cmd *cobra.Command, name string) *cobra.Command {
	for _, child := range cmd.Commands() {
		if child.Name() == name {
			return child
		}
	}
	return nil
}

func shorthand(cmd *cobra.Command, letter string) *pflag.Flag {
	if flag := cmd.Flags().ShorthandLookup(letter); flag != nil {
		return flag
	}
	return cmd.InheritedFlags().ShorthandLookup(letter)
}

// TestPagesFindings checks that every finding that a page names exists.
func TestPagesFindings(t *testing.T) {
	known := make(map[string]bool)
	for _, entry := range issuer.Catalogue() {
		known[entry.ID] = true
	}
	found := 0
	for name, text := range docPages(t) {
		for _, match := range explained.FindAllStringSubmatch(text, -1) {
			if found++; !known[match[1]] {
				t.Errorf("%s names the finding %s, which does not exist", name, match[1])
			}
		}
	}
	if found < 40 {
		t.Errorf("found %d names: the pages are not read as they are written", found)
	}
}

// TestPagesLinks checks that every link within the project leads to a file.
func TestPagesLinks(t *testing.T) {
	for name, text := range docPages(t) {
		for _, match := range linked.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join("../..", filepath.Dir(name), match[1])); err != nil {
				t.Errorf("%s links to %s: %v", name, match[1], err)
			}
		}
	}
}

// TestPagesIndex checks that the index names every page.
func TestPagesIndex(t *testing.T) {
	pages := docPages(t)
	for name := range pages {
		if page, ok := strings.CutPrefix(name, "docs/"); ok && page != "README.md" && !strings.Contains(pages["docs/README.md"], "("+page+")") {
			t.Errorf("docs/README.md does not name %s", page)
		}
	}
}

// TestPagesPlayed checks that a script plays each section with a console block.
func TestPagesPlayed(t *testing.T) {
	names, err := filepath.Glob("../../testdata/e2e/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("%v, %v", names, err)
	}
	var script []byte
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		script = append(script, text...)
	}
	for name, text := range docPages(t) {
		section, fenced := "", false
		for line := range strings.Lines(text) {
			line = strings.TrimRight(line, "\n")
			if _, title, ok := strings.Cut(line, "# "); ok && strings.HasPrefix(line, "#") && !fenced {
				section = strings.ReplaceAll(title, "'", "''") // as scripts quote it
			}
			fenced = fenced != strings.HasPrefix(line, "```")
			if strings.HasPrefix(line, "```console") && !strings.Contains(string(script), filepath.Base(name)+" '"+section+"'") {
				t.Errorf("%s: no script in testdata/e2e plays the section %q", name, section)
			}
		}
	}
}
