package termtext

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// plainWord matches words that need no quotes in any shell.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)

// plainStart matches such a word at the beginning of a line.
var plainStart = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+`)

// ShellWord returns a word for a POSIX shell: quoted if necessary, and without hidden
// characters.
func ShellWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	if hasHidden(word) {
		return `"$(printf '` + printfFormat(word) + `')"`
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// printfFormat returns the format from which a shell's printf makes word, without hidden
// characters. printf takes a dash at its beginning for an option, and some interactive shells replace
// a ! between double quotes. Line ends at the end of a word are lost.
func printfFormat(word string) string {
	var b strings.Builder
	for i, r := range word {
		_, size := utf8.DecodeRuneInString(word[i:])
		switch {
		case r == '%':
			b.WriteString("%%")
		case r == '\\':
			b.WriteString(`\\`)
		case r == '\'':
			b.WriteString(`'\''`)
		case Hidden(r) || size == 1 && r == utf8.RuneError || r == '!' || r == '-' && i == 0:
			for _, c := range []byte(word[i : i+size]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// ReadWord returns the word that ShellWord has written at the beginning of a line.
func ReadWord(line string) string {
	if format, ok := strings.CutPrefix(line, `"$(printf '`); ok {
		return printed(quoted(format))
	}
	if text, ok := strings.CutPrefix(line, "'"); ok {
		return quoted(text)
	}
	return plainStart.FindString(line)
}

// quoted returns the text up to its closing quote.
func quoted(text string) string {
	var b strings.Builder
	for {
		before, after, _ := strings.Cut(text, "'")
		b.WriteString(before)
		rest, goesOn := strings.CutPrefix(after, `\''`)
		if !goesOn {
			return b.String()
		}
		b.WriteByte('\'')
		text = rest
	}
}

// printed returns the word that a shell's printf makes from a format of printfFormat's.
func printed(format string) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		switch c := format[i]; {
		case (c == '%' || c == '\\') && i+1 < len(format) && format[i+1] == c:
			b.WriteByte(c)
			i++
		case c == '\\' && i+3 < len(format):
			n, _ := strconv.ParseUint(format[i+1:i+4], 8, 8)
			b.WriteByte(byte(n))
			i += 3
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// ShellFlags returns a flag with each of its values for a shell: --san a --san b.
func ShellFlags(flag string, values ...string) string {
	parts := make([]string, len(values))
	for i, value := range values {
		parts[i] = flag + " " + ShellWord(value)
	}
	return strings.Join(parts, " ")
}

// ShellLine joins words to a command line. It breaks a line that is longer than width; a flag
// stays with its value.
func ShellLine(words []string, width int) string {
	var b strings.Builder
	column := 0
	for i := 0; i < len(words); i++ {
		part := ShellWord(words[i])
		if strings.HasPrefix(words[i], "--") && i+1 < len(words) && !strings.HasPrefix(words[i+1], "--") {
			i++
			part += " " + ShellWord(words[i])
		}
		switch {
		case column == 0:
		case column+1+len(part) > width-2:
			b.WriteString(" \\\n    ")
			column = 4
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(part)
		column += len(part)
	}
	return b.String()
}
