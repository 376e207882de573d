package main

import (
	"embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// helpTexts has one text for each command, named by its words: help/ca-init.txt. A text consists
// of paragraphs, then the examples below "Examples:", then the line of exit statuses.
//
//go:embed help/*.txt
var helpTexts embed.FS

// statusMeaning explains each exit status once, for all help texts.
var statusMeaning = map[int]string{
	exitDone:        "done",
	exitError:       "error",
	exitUsage:       "usage error",
	exitRefused:     "check failed",
	exitInterrupted: "interrupted",
}

// addHelp gives cmd and all commands below it their help texts. The texts are read when help is
// requested.
func addHelp(cmd *cobra.Command) {
	text, err := helpTexts.ReadFile("help/" + helpName(cmd) + ".txt")
	if err != nil {
		return // a command of cobra's own: TestHelp requires a text for each of ours
	}
	rest, statuses, _ := strings.Cut(string(text), "\nExit status:")
	long, examples, _ := strings.Cut(rest, "\nExamples:\n\n")
	cmd.Long = strings.TrimSpace(long) + "\n\nExit status:\n" + describeStatuses(strings.Fields(statuses))
	cmd.Example = strings.TrimRight(examples, "\n")
	for _, child := range cmd.Commands() {
		addHelp(child)
	}
}

// shortHelp cuts a command's text down to its first paragraph, for --help. The help command, the
// reference and the manual have the whole text.
func shortHelp(cmd *cobra.Command) {
	first, rest, _ := strings.Cut(cmd.Long, "\n\n")
	if rest != "" {
		words := append([]string{"virtpki", "help"}, strings.Fields(cmd.CommandPath())[1:]...)
		cmd.Long = first + "\n\nThe whole text and the exit statuses: " + strings.Join(words, " ")
	}
}

// newExitStatus returns the help topic of that name: a command that does nothing.
func newExitStatus() *cobra.Command {
	return &cobra.Command{Use: "exit-status", Short: "The exit statuses of all commands"}
}

// helpName returns the name of a command's text: the command's words without "virtpki".
func helpName(cmd *cobra.Command) string {
	words := strings.Fields(cmd.CommandPath())
	return strings.Join(words[min(1, len(words)-1):], "-")
}

func describeStatuses(statuses []string) string {
	var b strings.Builder
	for _, word := range statuses {
		status, _ := strconv.Atoi(word)
		fmt.Fprintf(&b, "\n    %-4d %s", status, statusMeaning[status])
	}
	return b.String()
}
