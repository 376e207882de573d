package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"virtpki/internal/termtext"
)

// printJSON writes v to stdout, indented, with a newline at the end.
func (e *env) printJSON(v any) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return err
	}
	_, err := e.stdout.Write(termtext.JSON(b.Bytes()))
	return err
}

// result is what a command has found, in words; as JSON it is itself.
type result interface{ Text() termtext.Text }

// printResult prints a result, in words or as JSON.
func (e *env) printResult(g *globals, r result) error {
	if g.json {
		return e.printJSON(r)
	}
	if !g.quiet {
		termtext.Fprintf(e.stdout, "%s", r.Text())
	}
	return nil
}

// warn tells people something on stderr that is no error.
func (e *env) warn(format string, args ...any) {
	termtext.Fprintf(e.stderr, "virtpki: %s\n", termtext.Text(termtext.Sprintf(format, args...)))
}

// printTable aligns rows, the first of which is the heading.
func (e *env) printTable(rows [][]string) error {
	table := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = termtext.Line(cell)
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	return table.Flush()
}
