package termtext

import (
	"strings"
	"unicode/utf8"
)

// Wrap breaks each line of a text between words, so that none is longer than width; a
// longer word stays whole. A line that is indented continues with four more spaces.
func Wrap(text string, width int) []string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, wrapLine(line, width)...)
	}
	return lines
}

func wrapLine(line string, width int) []string {
	text := strings.TrimLeft(line, " ")
	indent := line[:len(line)-len(text)]
	words := strings.Fields(text)
	if len(words) == 0 {
		return []string{""}
	}
	current := indent + words[0]
	if indent != "" {
		indent += "    "
	}
	var lines []string
	for _, word := range words[1:] {
		if utf8.RuneCountInString(current)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, current)
			current = indent + word
			continue
		}
		current += " " + word
	}
	return append(lines, current)
}
