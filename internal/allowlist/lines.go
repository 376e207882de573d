package allowlist

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/termtext"
)

// lineBuffer is the size, in bytes, of the buffers of [Gate.Lines], and so the longest
// line. GnuTLS gives DNs of a certificate's size at most, 64 KiB here.
const lineBuffer = 1 << 20

// interruptEvery is how many lines pass between two checks for an interrupt.
const interruptEvery = 1 << 14

// Lines judges one DN per line, and writes one verdict per line, with tabs between its fields.
// It reports whether all are admitted.
func (gate *Gate) Lines(ctx context.Context, in io.Reader, out io.Writer) (allIn bool, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), lineBuffer)
	verdicts := bufio.NewWriterSize(out, 64<<10)
	allIn = true
	for n := 1; lines.Scan(); n++ {
		if n%interruptEvery == 0 && ctx.Err() != nil {
			return false, hint.ErrInterrupted
		}
		if _, err := verdicts.WriteString(""); err != nil { // nobody reads the verdicts any more
			return false, err
		}
		fields, allowed := gate.line(lines.Text())
		writeFields(verdicts, fields)
		allIn = allIn && allowed
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("reading DNs: %w", err)
	}
	return allIn, verdicts.Flush()
}

// line returns the verdict on one DN as the fields of a line: "allowed", the DN and the
// pattern; "refused" and the DN; or, if the matchers do not agree, "differs", the DN and the
// matcher that admits it. allowed is the verdict of the deciding matcher.
func (gate *Gate) line(name string) (fields []string, allowed bool) {
	if gate.Open != "" {
		return []string{"allowed", name, ""}, true
	}
	first := VerdictOf(gate.Compiled[0], name)
	for _, list := range gate.Compiled[1:] {
		if other := VerdictOf(list, name); other.Allowed != first.Allowed {
			return []string{"differs", name, allowing(first, other).Matcher}, first.Allowed
		}
	}
	if first.Allowed {
		return []string{"allowed", name, first.Pattern}, true
	}
	return []string{"refused", name}, false
}

func allowing(a, b Verdict) Verdict {
	if a.Allowed {
		return a
	}
	return b
}

// writeFields writes a line; an error shows when the buffer is flushed.
func writeFields(out io.StringWriter, fields []string) {
	for i, field := range fields {
		if i > 0 {
			out.WriteString("\t")
		}
		out.WriteString(termtext.Line(strings.ReplaceAll(field, "\t", " ")))
	}
	out.WriteString("\n")
}
