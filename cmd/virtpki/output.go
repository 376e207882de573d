package main

import (
	"bytes"
	"encoding/json"

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
	_, err := termtext.Fprintf(e.stdout, "%s", r.Text())
	return err
}

// printVerdict is printResult for what the exit status says too: --quiet is heeded.
func (e *env) printVerdict(g *globals, r result) error {
	if g.quiet && !g.json {
		return nil
	}
	return e.printResult(g, r)
}

// warn tells people something on stderr that is no error.
func (e *env) warn(format string, args ...any) {
	termtext.Fprintf(e.stderr, "virtpki: %s\n", termtext.Text(termtext.Sprintf(format, args...)))
}
