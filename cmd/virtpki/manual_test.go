package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"virtpki/internal/program"
)

// documented returns the commands as the reference and the manual show them. The result does not
// depend on the system.
func documented() *cobra.Command {
	root := newRoot(newEnv())
	addHelp(root)
	root.InitDefaultCompletionCmd()
	root.PersistentFlags().Lookup("sysconfdir").DefValue = "/etc"
	return root
}

// TestManual makes a manual page of each command and checks its sections and words. MANUAL=DIR
// keeps the pages, for the packages (SOURCE_DATE_EPOCH dates them).
func TestManual(t *testing.T) {
	dir := os.Getenv("MANUAL")
	if dir == "" {
		dir = t.TempDir()
	}
	files, err := os.ReadFile("../../packaging/files.txt")
	if err != nil {
		t.Fatal(err)
	}
	entries := manualFiles(t, string(files))
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if !cmd.IsAvailableCommand() && cmd.HasParent() || cmd.Name() == "help" {
			return
		}
		page := manualPage(t, cmd, entries)
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		if err := os.WriteFile(filepath.Join(dir, name), page, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, child := range cmd.Commands() {
			visit(child)
		}
	}
	visit(documented())
	for _, e := range entries {
		if !e.used {
			t.Errorf("packaging/files.txt: no page lists %s", e.path)
		}
	}
	if pages, err := os.ReadDir(dir); err != nil || len(pages) < 40 {
		t.Errorf("made %d pages, %v", len(pages), err)
	}
}

// manualPage returns the page of a command, in roff. It is cobra's page, with the exit statuses
// and files in sections of their own.
func manualPage(t *testing.T, cmd *cobra.Command, entries []*manualEntry) []byte {
	name := helpName(cmd)
	if !cmd.HasParent() {
		name = "virtpki"
	}
	long, statuses, _ := strings.Cut(cmd.Long, "\n\nExit status:\n")
	if cmd.CommandPath() == "virtpki" || strings.HasPrefix(name, "completion") || name == "help" {
		statuses = cmp(statuses, "\n    "+strings.TrimSpace(describeStatuses([]string{"0", "2"})))
	}
	defer func(long string) { cmd.Long = long }(cmd.Long)
	cmd.Long = escapeMarkdown(long)
	var page bytes.Buffer
	header := &doc.GenManHeader{Section: "1", Source: "virtpki " + program.Version(), Manual: "virtpki"}
	if err := doc.GenMan(cmd, header, &page); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(page.String(), "\n.SH EXAMPLE\n", "\n.SH EXAMPLES\n", 1)
	from, to := indexAny(text, "\n.SH OPTIONS"), indexAny(text, "\n.SH EXAMPLES\n", "\n.SH SEE ALSO\n")
	if from < 0 || to < from || statuses == "" {
		t.Errorf("%s: no place for the sections, or no exit statuses", cmd.CommandPath())
		return nil
	}
	sections := roffFlags("OPTIONS", cmd.NonInheritedFlags()) + roffFlags("GLOBAL OPTIONS", cmd.InheritedFlags()) +
		roffStatuses(statuses) + roffFiles(entries, name)
	text = text[:from+1] + sections + strings.TrimRight(text[to+1:], "\n") + ",\n\\fBvirsh(1)\\fP, \\fBlibvirtd(8)\\fP\n"
	checkManual(t, cmd, long, text)
	return []byte(text)
}

// indexAny returns the position of the first of the texts that occurs in s, or -1.
func indexAny(s string, texts ...string) int {
	for _, text := range texts {
		if i := strings.Index(s, text); i >= 0 {
			return i
		}
	}
	return -1
}

// roffFlags returns a section of flags, as --help lists them.
func roffFlags(title string, flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden || flag.Deprecated != "" {
			return
		}
		value, usage := pflag.UnquoteUsage(flag)
		b.WriteString(".TP\n")
		if flag.Shorthand != "" {
			fmt.Fprintf(&b, "\\fB\\-%s\\fP, ", flag.Shorthand)
		}
		fmt.Fprintf(&b, "\\fB\\-\\-%s\\fP", roffText(flag.Name))
		if value != "" {
			fmt.Fprintf(&b, " \\fI%s\\fP", roffText(value))
		}
		b.WriteString("\n" + roffText(usage))
		if def := flag.DefValue; def != "" && def != "false" && def != "[]" && def != "0" {
			b.WriteString(" (default " + roffText(def) + ")")
		}
		b.WriteString("\n")
	})
	if b.Len() == 0 {
		return ""
	}
	return ".SH " + title + "\n" + b.String()
}

// cmp returns the first text that is not empty.
func cmp(texts ...string) string {
	i := slices.IndexFunc(texts, func(s string) bool { return s != "" })
	return texts[i]
}

// checkManual checks that the page has each section, and each word of the help text.
func checkManual(t *testing.T, cmd *cobra.Command, long, text string) {
	sections := []string{"NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "FILES", "SEE ALSO"}
	if cmd.Example != "" {
		sections = slices.Insert(sections, 5, "EXAMPLES")
	}
	at := 0
	for _, section := range sections {
		i := strings.Index(text[at:], ".SH "+section+"\n")
		if i < 0 {
			t.Errorf("%s: no section %s in its place", cmd.CommandPath(), section)
			return
		}
		at += i
	}
	plain := regexp.MustCompile(`\\f[BRIPC]W?|\\&`).ReplaceAllString(text, "")
	plain = strings.NewReplacer(`\-`, "-", `\(aq`, "'", `\\`, `\`, `\e`, `\`, `\~`, " ").Replace(plain)
	for _, word := range strings.Fields(long) {
		if !strings.Contains(plain, word) {
			t.Errorf("%s: the page lacks %q of the help text", cmd.CommandPath(), word)
		}
	}
}

// escapeMarkdown keeps a help text from being read as Markdown, except for its indented lines.
func escapeMarkdown(text string) string {
	special := regexp.MustCompile("[\\\\`*_{}\\[\\]()<>#+\\-.!|~&]")
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if tail, ok := strings.CutPrefix(line, "\t"); ok {
			lines[i] = "    " + tail
		} else if !strings.HasPrefix(line, " ") {
			lines[i] = special.ReplaceAllString(line, `\$0`)
		}
	}
	return strings.Join(lines, "\n")
}

// roffText escapes text for roff.
func roffText(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "~", `\(ti`).Replace(text)
	return regexp.MustCompile(`(?m)^[.']`).ReplaceAllString(text, `\&$0`)
}

// roffStatuses returns the section of the exit statuses that a help text lists.
func roffStatuses(statuses string) string {
	var b strings.Builder
	b.WriteString(".SH EXIT STATUS\n")
	for _, line := range strings.Split(statuses, "\n") {
		if status, meaning, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fP\n%s\n", status, roffText(strings.TrimSpace(meaning)))
		}
	}
	return b.String()
}

// manualEntry is a file that pages list.
type manualEntry struct {
	path, text string
	commands   []string
	used       bool
}

// manualFiles parses packaging/files.txt. The head of that file describes its form.
func manualFiles(t *testing.T, text string) []*manualEntry {
	var entries []*manualEntry
	for _, block := range strings.Split(strings.TrimSpace(text), "\n\n")[1:] {
		lines := strings.Split(block, "\n")
		if len(lines) < 3 {
			t.Fatalf("packaging/files.txt: %q is not a path, a text and commands", block)
		}
		last := len(lines) - 1
		entries = append(entries, &manualEntry{path: lines[0], text: strings.Join(lines[1:last], "\n"), commands: strings.Fields(lines[last])})
	}
	return entries
}

// on reports whether the page of a command lists the file.
func (e *manualEntry) on(command string) bool {
	named := func(word string) bool { return command == word || strings.HasPrefix(command, word+"-") }
	listed := false
	for _, word := range e.commands {
		if not, ok := strings.CutPrefix(word, "!"); ok && command == not {
			return false
		}
		listed = listed || word == "*" || named(word)
	}
	return listed
}

// roffFiles returns the section of the files on the page of a command.
func roffFiles(entries []*manualEntry, command string) string {
	var b strings.Builder
	b.WriteString(".SH FILES\n")
	for _, e := range entries {
		if e.on(command) {
			e.used = true
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fP\n%s\n", roffText(e.path), roffText(e.text))
		}
	}
	if strings.HasSuffix(b.String(), "FILES\n") {
		b.WriteString("This command reads and writes no file of its own; see \\fBvirtpki(1)\\fP.\n")
	}
	return b.String()
}
