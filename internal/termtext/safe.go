// Package termtext makes text fit for a terminal or a shell: safe, short, wrapped, quoted.
//
// The text of a certificate, a file name, a configuration file or a server may contain
// characters that move the cursor, reverse the direction of writing, are invisible, or end the
// line. On a terminal they hide or forge information that a person relies on. virtpki prints
// none of them except its own line ends.
package termtext

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Hidden reports whether a character must not reach a terminal as it is: control characters,
// characters that format or turn text, line and paragraph separators, unassigned characters,
// spaces other than the usual one, and invisible characters.
func Hidden(r rune) bool {
	return !unicode.IsPrint(r) || r > unicode.MaxLatin1 && unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// hasHidden reports whether a text contains a hidden character, or bytes that are not UTF-8.
func hasHidden(text string) bool {
	for i, r := range text {
		switch {
		case ' ' <= r && r <= '~':
		case Hidden(r):
			return true
		case r == utf8.RuneError:
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return true
			}
		}
	}
	return false
}

// Line returns text as one line: hidden characters are written as Go writes them, as in \x1b,
// \n or \u202e.
func Line(text string) string {
	if !hasHidden(text) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case Hidden(r):
			b.WriteString(escaped(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// escaped returns the escape sequence of a hidden character.
func escaped(r rune) string {
	quoted := strconv.QuoteRuneToASCII(r)
	return quoted[1 : len(quoted)-1]
}

// Lines returns each line of a text as Line does, with a space for a tab. Its line ends have to
// be virtpki's own.
func Lines(text string) string {
	if !hasHidden(text) {
		return text
	}
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = Line(strings.ReplaceAll(lines[i], "\t", " "))
	}
	return strings.Join(lines, "\n")
}

// Quote returns text as it is, or quoted as a whole if it contains a hidden character, so that
// an escape cannot be mistaken for the text's own backslash.
func Quote(text string) string {
	if hasHidden(text) {
		return Line(strconv.Quote(text))
	}
	return text
}

// QuoteShort quotes a text for an error, and cuts off the end of a long one.
func QuoteShort(text string) string {
	const most = 60
	if len(text) > most {
		return Line(strconv.Quote(strings.ToValidUTF8(text[:most], ""))) + "..."
	}
	return Line(strconv.Quote(text))
}

// Encode returns the JSON of a value, indented, with a newline at the end, as [JSON] has it.
// Characters that mean something in HTML stay.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(v)
	return JSON(b.Bytes()), err
}

// JSON returns encoded JSON in which every hidden character is an escape: outside of ASCII it
// can only stand in a string. encoding/json leaves DEL, C1 and the characters that turn text
// around as they are. The line ends of the encoding stay.
func JSON(encoded []byte) []byte {
	text := string(encoded)
	if !hasHidden(strings.ReplaceAll(text, "\n", "")) {
		return encoded
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || !Hidden(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return []byte(b.String())
}
