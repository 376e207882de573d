package termtext

import (
	"strings"
	"unicode/utf8"
)

// Wrap breaks a text into lines at its spaces; a longer word stays whole.
func Wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// Fold breaks a line between words. What a line is indented by, its continuation
// is indented by too, and by four more.
func Fold(line string, width int) string {
	var b strings.Builder
	for ; strings.HasPrefix(line, "\n"); line = line[1:] {
		b.WriteByte('\n')
	}
	text := strings.TrimLeft(line, " ")
	indent := strings.Repeat(" ", len(line)-len(text))
	b.WriteString(indent)
	column := len(indent)
	if indent != "" {
		indent += "    "
	}
	for i, word := range strings.Fields(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+length > width:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += length
	}
	return b.String() + "\n"
}
