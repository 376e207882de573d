package systemd

import (
	"errors"
	"strings"
)

// assignment is one line of a unit file: KEY=VALUE in a section.
type assignment struct {
	section, key, value string
}

// errSection is a section's line that does not end with a bracket.
var errSection = errors.New("invalid section header")

// parseUnit reads the assignments of a unit file in their order (systemd,
// src/shared/conf-parser.c). A line that assigns nothing is passed over. A section's line
// without its bracket ends the reading, and the assignments before it count.
func parseUnit(data []byte) ([]assignment, error) {
	var all []assignment
	section, pending := "", []byte(nil)
	take := func(line string) error {
		line = strings.Trim(line, whitespace)
		if strings.HasPrefix(line, "[") {
			name, ok := strings.CutSuffix(line[1:], "]")
			if !ok {
				return errSection
			}
			section = name
			return nil
		}
		if key, value, ok := strings.Cut(line, "="); ok && section != "" {
			all = append(all, assignment{section, strings.Trim(key, whitespace), strings.Trim(value, whitespace)})
		}
		return nil
	}
	for _, line := range unitLines(data) {
		if isComment(line) {
			continue
		}
		if head, ok := continued(line); ok {
			pending = append(append(pending, head...), ' ')
			continue
		}
		whole := string(append(pending, line...))
		pending = pending[:0]
		if err := take(whole); err != nil {
			return all, err
		}
	}
	return all, take(string(pending))
}

// unitLines are the lines of a file, without a byte order mark.
func unitLines(data []byte) []string {
	text := strings.TrimPrefix(string(data), "\ufeff")
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' || r == 0 })
}

func isComment(line string) bool {
	line = strings.TrimLeft(line, whitespace)
	return line != "" && (line[0] == '#' || line[0] == ';')
}

// continued reports whether a line goes on in the next one, and returns it without the
// backslash at its end. An escaped backslash does not continue it.
func continued(line string) (head string, ok bool) {
	head = strings.TrimRight(line, `\`)
	if (len(line)-len(head))%2 == 0 {
		return line, false
	}
	return line[:len(line)-1], true
}
