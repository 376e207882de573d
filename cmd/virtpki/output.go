package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"unicode"
)

// printJSON writes v to stdout, indented, with a newline at the end.
func (e *env) printJSON(v any) error {
	encoder := json.NewEncoder(e.stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// warn tells people something on stderr that is no error.
func (e *env) warn(format string, args ...any) {
	fmt.Fprintf(e.stderr, "virtpki: %s\n", visibleLines(fmt.Sprintf(format, args...)))
}

// printTable aligns rows, the first of which is the heading.
func (e *env) printTable(rows [][]string) error {
	table := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}

// countOf is a number with its noun.
func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// visible is a line with texts of somebody else's in it, a subject say, for a
// terminal: a character that moves the cursor could hide what stands there.
func visible(line string) string {
	return strings.Map(func(r rune) rune {
		if unprintable(r) {
			return unicode.ReplacementChar
		}
		return r
	}, line)
}

// visibleLines is visible for several lines.
func visibleLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = visible(strings.ReplaceAll(lines[i], "\t", " "))
	}
	return strings.Join(lines, "\n")
}
