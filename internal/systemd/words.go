package systemd

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// whitespace separates words (systemd, src/basic/string-util.h, WHITESPACE).
const whitespace = " \t\n\r"

// errQuoting means that a quote does not end, or that a backslash ends the text.
var errQuoting = errors.New("unbalanced quoting")

// splitting says how words are read.
type splitting struct {
	// unescape decodes \n, \x41 and so on; without it a backslash only makes the next
	// character literal.
	unescape bool
	// relaxed takes the text up to the end where a quote does not end; else that is an error.
	relaxed bool
}

// next reads the first word of s and returns the rest. ok is false when no word is left
// (systemd, src/basic/extract-word.c, with EXTRACT_UNQUOTE). An escape that does not exist is
// kept as it is written, as systemd does with a warning.
func (o splitting) next(s string) (word, rest string, ok bool, err error) {
	s = strings.TrimLeft(s, whitespace)
	if s == "" {
		return "", "", false, nil
	}
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 == len(s):
			return b.String(), "", true, o.unfinished()
		case c == '\\':
			text, n := o.escaped(s[i+1:])
			b.WriteString(text)
			i += n
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && strings.IndexByte(whitespace, c) >= 0:
			return b.String(), strings.TrimLeft(s[i:], whitespace), true, nil
		default:
			b.WriteByte(c)
		}
	}
	if quote != 0 {
		return b.String(), "", true, o.unfinished()
	}
	return b.String(), "", true, nil
}

func (o splitting) unfinished() error {
	if o.relaxed {
		return nil
	}
	return errQuoting
}

// escaped decodes the escape after a backslash, and tells of how many bytes it is.
func (o splitting) escaped(s string) (text string, n int) {
	if !o.unescape {
		return s[:1], 1
	}
	if text, n := decodeEscape(s); n > 0 {
		return text, n
	}
	return `\` + s[:1], 1
}

// simpleEscapes are the escapes of one letter (systemd, src/basic/escape.c,
// cunescape_one).
const simpleEscapes = "a\ab\bf\fn\nr\rt\tv\v\\\\\"\"''s "

// decodeEscape decodes an escape without its backslash; n is 0 if it is not one.
func decodeEscape(s string) (text string, n int) {
	for i := 0; i < len(simpleEscapes); i += 2 {
		if s[0] == simpleEscapes[i] {
			return simpleEscapes[i+1 : i+2], 1
		}
	}
	switch s[0] {
	case 'x':
		return decodeNumber(s, 1, 2, 16)
	case 'u':
		return decodeNumber(s, 1, 4, 16)
	case 'U':
		return decodeNumber(s, 1, 8, 16)
	}
	return decodeNumber(s, 0, 3, 8)
}

// decodeNumber decodes a character by its number of a fixed length; two digits of hexadecimal
// and octal ones are a byte. A NUL is not allowed.
func decodeNumber(s string, from, digits, base int) (text string, n int) {
	if len(s) < from+digits {
		return "", 0
	}
	number := s[from : from+digits]
	value, err := strconv.ParseUint(number, base, 32)
	if err != nil || number[0] == '+' || value == 0 {
		return "", 0
	}
	if digits <= 3 {
		if value > 0xff {
			return "", 0
		}
		return string([]byte{byte(value)}), from + digits
	}
	if !utf8.ValidRune(rune(value)) || value > utf8.MaxRune {
		return "", 0
	}
	return string(rune(value)), from + digits
}

// split reads all words of s.
func (o splitting) split(s string) ([]string, error) {
	var words []string
	for {
		word, rest, ok, err := o.next(s)
		if !ok || err != nil {
			return words, err
		}
		words, s = append(words, word), rest
	}
}
