package dn

import (
	"bytes"
	"encoding/hex"
	"strings"
)

// habits are the ways in which a text differs from libvirt's form.
type habits uint16

const (
	habitSlashes  habits = 1 << iota // /C=GB/CN=a
	habitSpaces                      // around separators
	habitEquals                      // around "="
	habitQuotes                      // O="Acme, Inc."
	habitSpelling                    // a type with another name in GnuTLS
	habitCase                        // a type in another case
	habitHexPairs                    // \2C, or hex digits in upper case
	habitBare                        // a character that GnuTLS escapes, without a backslash
	habitSemicolon
	habitLabel    // "subject=" before the name
	habitTrailing // a separator at the end
)

// piece is one attribute of a loosely read text. The value is escaped as in
// libvirt's form; wildcards in it stand as they were.
type piece struct {
	typ, value string
	sep        byte // the separator before it: 0, ',' or '+'
	// unsure is set if a wildcard before the separator may stand for a backslash, so that the value
	// before it may really continue.
	unsure bool
	habit  habits // of the type
}

func (p piece) String() string { return p.typ + "=" + p.value }

func joinPieces(pieces []piece) string {
	var b strings.Builder
	for i, p := range pieces {
		if i > 0 {
			b.WriteByte(p.sep)
		}
		b.WriteString(p.String())
	}
	return b.String()
}

// readLoosely reads a name, or a pattern, in any form that people paste. It returns false if the
// text has no attributes, or one that it cannot make out.
//
// In a pattern a wildcard may stand for the backslash before the next character. With doubts, a
// separator after a wildcard belongs to the value if no name could have it otherwise. Without, a
// separator is always read as one.
func readLoosely(text string, doubts bool) (pieces []piece, h habits, ok bool) {
	text, h = dropLabel(text)
	if n := len(text); n > 1 && text[n-1] == ',' && text[n-2] != '\\' && text[n-2] != '?' && text[n-2] != '*' {
		text, h = text[:n-1], h|habitTrailing
	}
	if slashForm(text) {
		pieces, more := readSlashes(text)
		return pieces, h | habitSlashes | more, len(pieces) > 0
	}
	r := looseReader{text: text, habits: h, doubts: doubts}
	if !r.all() {
		return nil, r.habits, false
	}
	return r.pieces, r.habits, true
}

// dropLabel removes the label that certtool and openssl print before a subject.
func dropLabel(text string) (string, habits) {
	trimmed := strings.TrimSpace(text)
	for _, label := range []string{"subject=", "subject:", "subject name:", "issuer=", "issuer:"} {
		if len(trimmed) > len(label) && strings.EqualFold(trimmed[:len(label)], label) {
			return strings.TrimSpace(trimmed[len(label):]), habitLabel
		}
	}
	return text, 0
}

// slashForm reports whether a text has openssl's old one-line form.
func slashForm(text string) bool {
	if !strings.HasPrefix(text, "/") {
		return false
	}
	n := typeLength(text[1:])
	return n > 0 && strings.HasPrefix(text[1+n:], "=")
}

func typeLength(s string) int {
	n := 0
	for n < len(s) && isTypeByte(s[n]) {
		n++
	}
	return n
}

// readSlashes cuts before every "/TYPE=", so that a slash in a value stays.
func readSlashes(text string) (pieces []piece, h habits) {
	for text != "" {
		end := 1
		for end < len(text) && !slashForm(text[end:]) {
			end++
		}
		typ, value, _ := strings.Cut(text[1:end], "=")
		p := piece{value: Escape(value), sep: ','}
		p.typ, p.habit = canonicalType(typ)
		h |= p.habit
		pieces = append(pieces, p)
		text = text[end:]
	}
	pieces[0].sep = 0
	return pieces, h
}

// canonicalType returns GnuTLS's spelling of a known type.
func canonicalType(typ string) (string, habits) {
	t := typeByName(typ)
	switch {
	case t == nil || t.name == typ:
		return typ, 0
	case strings.EqualFold(t.name, typ):
		return t.name, habitCase
	}
	return t.name, habitSpelling
}

// looseReader reads the forms with commas.
type looseReader struct {
	text   string
	pos    int
	pieces []piece
	habits habits
	doubts bool
}

func (r *looseReader) peek() byte {
	if r.pos < len(r.text) {
		return r.text[r.pos]
	}
	return 0
}

func (r *looseReader) spaces(h habits) {
	for r.peek() == ' ' {
		r.pos++
		r.habits |= h
	}
}

func (r *looseReader) all() bool {
	sep := byte(0)
	for {
		r.spaces(habitSpaces)
		typ, found := r.typeName()
		if !found {
			return false
		}
		p := piece{sep: sep, unsure: r.unsure()}
		p.typ, p.habit = canonicalType(typ)
		if !p.unsure {
			r.habits |= p.habit
		}
		p.value = r.value()
		r.pieces = append(r.pieces, p)
		switch sep = r.peek(); sep {
		case 0:
			return true
		case ';':
			sep = ','
			r.habits |= habitSemicolon
		}
		r.pos++
	}
}

func (r *looseReader) unsure() bool {
	n := len(r.pieces)
	return n > 0 && endsWild([]byte(r.pieces[n-1].value))
}

// typeName reads a type, which in a pattern may have wildcards.
func (r *looseReader) typeName() (string, bool) {
	start := r.pos
	for isTypeByte(r.peek()) || r.peek() == '*' || r.peek() == '?' {
		r.pos++
	}
	typ := r.text[start:r.pos]
	h := habitEquals
	if strings.ContainsAny(typ, "*?") { // a wildcard may stand for the real "=" and more
		h = 0
	}
	r.spaces(h)
	if typ == "" || r.peek() != '=' {
		return "", false
	}
	r.pos++
	r.spaces(h)
	return typ, true
}

// value reads up to a separator that an attribute follows; a comma without one
// belongs to the value, as in "O=Acme, Inc.,CN=a".
func (r *looseReader) value() string {
	if r.peek() == '"' {
		if v, ok := r.quoted(); ok {
			return v
		}
	}
	if r.peek() == '#' {
		if v, ok := r.hexDigits(); ok {
			return v
		}
	}
	var out []byte
	literal := true // no escaped character at the end
	for r.pos < len(r.text) {
		c := r.text[r.pos]
		if c == '\\' && r.pos+1 < len(r.text) {
			out = append(out, r.escape()...)
			literal = false
			continue
		}
		if (c == ',' || c == '+' || c == ';') && r.separates() && !(r.doubts && maybeEscaped(out, r.text[r.pos:])) {
			break
		}
		if strings.IndexByte(`,+"<>;`, c) >= 0 {
			out = r.bare(out, c)
		} else {
			out = append(out, c)
		}
		literal = true
		r.pos++
	}
	if n := len(strings.TrimRight(string(out), " ")); literal && n < len(out) && !endsWild(out[:n]) {
		out, r.habits = out[:n], r.habits|habitSpaces
	}
	return string(out)
}

// endsWild looks for a wildcard at the end. If backslashes follow it, it may stand for the first
// one of a pair.
func endsWild(b []byte) bool {
	b = bytes.TrimRight(b, `\`)
	n := len(b)
	return n > 0 && (b[n-1] == '*' || b[n-1] == '?')
}

// maybeEscaped reports whether a separator belongs to the value because the wildcard before it
// stands for a backslash. This holds for a semicolon, and for a separator with a space after it.
func maybeEscaped(before []byte, text string) bool {
	return endsWild(before) && (text[0] == ';' || strings.HasPrefix(text[1:], " "))
}

// bare adds a character that GnuTLS prints with a backslash. In a pattern a wildcard before it may
// stand for the backslash, and a wildcard after a comma for an attribute.
func (r *looseReader) bare(out []byte, c byte) []byte {
	if endsWild(out) {
		return append(out, c)
	}
	if next := r.text[r.pos+1:]; c == ',' || c == '+' {
		if end := strings.IndexAny(next, ",+"); end >= 0 {
			next = next[:end]
		}
		if strings.ContainsAny(next, "*?") {
			return append(out, c)
		}
	}
	r.habits |= habitBare
	return append(out, '\\', c)
}

func (r *looseReader) escape() []byte {
	rest := r.text[r.pos+1:]
	if len(rest) >= 2 {
		if b, err := hex.DecodeString(rest[:2]); err == nil {
			r.pos += 3
			r.habits |= habitHexPairs
			if b[0] == ' ' || b[0] == '#' {
				return []byte{'\\', b[0]}
			}
			return appendEscaped(nil, b)
		}
	}
	r.pos += 2
	if strings.IndexByte(escapable, rest[0]) < 0 && rest[0] != '*' && rest[0] != '?' {
		r.habits |= habitBare
		return []byte{rest[0]}
	}
	if rest[0] == '=' {
		return []byte{'='}
	}
	return []byte{'\\', rest[0]}
}

// separates reports whether an attribute follows the separator.
func (r *looseReader) separates() bool {
	rest := strings.TrimLeft(r.text[r.pos+1:], " ")
	n := 0
	for n < len(rest) && (isTypeByte(rest[n]) || rest[n] == '*' || rest[n] == '?') {
		n++
	}
	return n > 0 && strings.HasPrefix(strings.TrimLeft(rest[n:], " "), "=")
}

func (r *looseReader) quoted() (string, bool) {
	var value []byte
	for i := r.pos + 1; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == '\\' && i+1 < len(r.text):
			i++
			value = append(value, r.text[i])
		case c == '"':
			rest := strings.TrimLeft(r.text[i+1:], " ")
			if rest != "" && rest[0] != ',' && rest[0] != '+' && rest[0] != ';' {
				return "", false
			}
			r.pos = len(r.text) - len(rest)
			r.habits |= habitQuotes
			return Escape(string(value)), true
		default:
			value = append(value, c)
		}
	}
	return "", false
}

func (r *looseReader) hexDigits() (string, bool) {
	end := r.pos + 1
	for end < len(r.text) && strings.IndexByte(",+; ", r.text[end]) < 0 {
		end++
	}
	digits := r.text[r.pos+1 : end]
	if _, err := hex.DecodeString(digits); err != nil || digits == "" {
		return "", false
	}
	r.pos = end
	r.spaces(habitSpaces)
	lower := strings.ToLower(digits)
	if lower != digits {
		r.habits |= habitHexPairs
	}
	return "#" + lower, true
}
