package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"virtpki/internal/issuer"
	"virtpki/internal/judge"
)

const referenceFolder = "../../docs/reference"

// TestReference compares docs/reference with the commands; UPDATE=1 rewrites it.
func TestReference(t *testing.T) {
	made := t.TempDir()
	if os.Getenv("UPDATE") != "" {
		made = referenceFolder
		if err := os.RemoveAll(made); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(made, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := doc.GenMarkdownTree(documented(), made); err != nil {
		t.Fatal(err)
	}
	pages, err := os.ReadDir(made)
	if err != nil || len(pages) < 10 {
		t.Fatalf("made %d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		want, err := os.ReadFile(filepath.Join(made, page.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(filepath.Join(referenceFolder, page.Name())); !bytes.Equal(got, want) {
			t.Errorf("docs/reference/%s is not what the commands say: run make docs", page.Name())
		}
	}
	kept, err := os.ReadDir(referenceFolder)
	if err != nil || len(kept) != len(pages) {
		t.Errorf("docs/reference has %d pages, the commands make %d, %v", len(kept), len(pages), err)
	}
}

// TestHelp checks that the help of every command has the same form, and that every text belongs to
// a command.
func TestHelp(t *testing.T) {
	texts, err := helpTexts.ReadDir("help")
	if err != nil {
		t.Fatal(err)
	}
	orphans := make(map[string]bool)
	for _, text := range texts {
		orphans[text.Name()] = true
	}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Name() == "completion" || cmd.Name() == "help" {
			return
		}
		delete(orphans, helpName(cmd)+".txt")
		if cmd.Short == "" || !bytes.Contains([]byte(cmd.Long), []byte("\nExit status:\n")) {
			t.Errorf("%s: wants a short help, and exit statuses at the end of the long one", cmd.CommandPath())
		}
		if !cmd.HasSubCommands() && cmd.Example == "" && !cmd.IsAdditionalHelpTopicCommand() {
			t.Errorf("%s: wants an example", cmd.CommandPath())
		}
		for _, child := range cmd.Commands() {
			visit(child)
		}
	}
	root := newRoot(newEnv())
	addHelp(root)
	visit(root)
	if len(orphans) > 0 {
		t.Errorf("texts of no command: %v", orphans)
	}
}

// TestHelpStatuses checks that every text ends with statuses that have a meaning.
func TestHelpStatuses(t *testing.T) {
	texts, err := fs.Glob(helpTexts, "help/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range texts {
		text, _ := helpTexts.ReadFile(name)
		_, statuses, found := strings.Cut(string(text), "\nExit status:")
		if words := strings.Fields(statuses); !found || len(words) == 0 || words[0] != "0" {
			t.Errorf("%s does not end with its exit statuses", name)
		}
		for _, word := range strings.Fields(statuses) {
			if status, err := strconv.Atoi(word); err != nil || statusMeaning[status] == "" {
				t.Errorf("%s: exit status %s has no meaning", name, word)
			}
		}
	}
}

const findingsPage = "../../docs/findings.md"

// TestReferenceFindings compares docs/findings.md with the catalogue of findings; UPDATE=1
// rewrites it.
func TestReferenceFindings(t *testing.T) {
	want := findingsText()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(findingsPage, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := os.ReadFile(findingsPage); !bytes.Equal(got, want) {
		t.Error("docs/findings.md is not what the catalogue says: run make docs")
	}
}

// stageTitles are the headings of the page, in its order.
var stageTitles = []struct {
	stage judge.Stage
	title string
}{
	{judge.Places, "Places: where files lie, whose they are, who may read them"},
	{judge.Conf, "Conf: what a daemon reads when it starts"},
	{judge.Own, "Own: a program's own files, before anything else"},
	{judge.Session, "Session: the other side, in each handshake"},
	{judge.Host, "Host: this machine and this day"},
}

func findingsText() []byte {
	var page bytes.Buffer
	page.WriteString("# Findings\n\nWhat `virtpki check` can say, in the order in which libvirt meets it. Made from the catalogue by `make docs`.\n")
	for _, section := range stageTitles {
		fmt.Fprintf(&page, "\n## %s\n", section.title)
		for _, entry := range judge.Catalogue() {
			if entry.Stage == section.stage {
				writeEntry(&page, entry)
			}
		}
	}
	page.WriteString("\n## Issuer: findings of `virtpki issuer test`\n")
	for _, entry := range issuer.Catalogue()[len(judge.Catalogue()):] {
		writeEntry(&page, entry)
	}
	return page.Bytes()
}

func writeEntry(page *bytes.Buffer, entry judge.Entry) {
	fmt.Fprintf(page, "\n### %s\n\n%s\n\nFix: %s\n", entry.ID, entry.Cause, entry.Fix)
}
