package systemd

import (
	"strings"
	"unicode/utf8"
)

// envState is the state of the reader of an environment file.
type envState int

const (
	beforeKey envState = iota
	inKey
	beforeValue
	inValue
	valueEscape
	singleQuoted
	doubleQuoted
	doubleEscape
	inComment
	commentEscape
)

// envReader reads an environment file, character by character, as systemd does
// (src/basic/env-file.c, parse_env_file_internal).
type envReader struct {
	state      envState
	key, value []byte
	// keep is the length of the value that stays when its blanks at the end are removed; quoted
	// and escaped blanks stay.
	keep int
	all  []variable
}

// variable is an assignment in the environment.
type variable struct{ name, value string }

// parseEnvFile returns the assignments of an EnvironmentFile= in their order. ok is false if
// systemd refuses the whole file because a key or a value is not UTF-8.
func parseEnvFile(data []byte) (all []variable, ok bool) {
	r := &envReader{}
	for _, c := range data {
		if c == 0 {
			break
		}
		r.read(c)
	}
	if r.state != beforeKey && r.state != inKey && r.state != inComment && r.state != commentEscape {
		r.push()
	}
	for _, v := range r.all {
		if !utf8.ValidString(v.name) || !utf8.ValidString(v.value) {
			return nil, false
		}
	}
	return r.all, true
}

func isBlank(c byte) bool   { return strings.IndexByte(whitespace, c) >= 0 }
func isNewline(c byte) bool { return c == '\n' || c == '\r' }

// read takes one character.
func (r *envReader) read(c byte) {
	switch r.state {
	case beforeKey, inKey:
		r.readKey(c)
	case inComment, commentEscape:
		r.readComment(c)
	case singleQuoted, doubleQuoted, doubleEscape:
		r.readQuoted(c)
	default:
		r.readValue(c)
	}
}

func (r *envReader) readKey(c byte) {
	switch {
	case r.state == beforeKey && (c == '#' || c == ';'):
		r.state = inComment
	case r.state == beforeKey && isBlank(c):
	case r.state == beforeKey:
		r.state, r.key = inKey, []byte{c}
	case isNewline(c): // a line without =
		r.state = beforeKey
	case c == '=':
		r.state, r.value, r.keep = beforeValue, nil, 0
	default:
		r.key = append(r.key, c)
	}
}

// readComment goes on to the line's end. A backslash there does not continue a comment since
// systemd 254, and did before. A comment with a backslash at its end is read as the newer
// releases do.
func (r *envReader) readComment(c byte) {
	switch {
	case isNewline(c):
		r.state = beforeKey
	case c == '\\' && r.state == inComment:
		r.state = commentEscape
	default:
		r.state = inComment
	}
}

func (r *envReader) readValue(c byte) {
	switch {
	case r.state == valueEscape:
		r.state = inValue
		if !isNewline(c) {
			r.add(c)
		}
	case isNewline(c):
		r.push()
	case c == '\\':
		r.state = valueEscape
	case r.state == beforeValue && c == '\'':
		r.state = singleQuoted
	case r.state == beforeValue && c == '"':
		r.state = doubleQuoted
	case r.state == beforeValue && isBlank(c):
	default:
		r.state = inValue
		r.value = append(r.value, c)
		if !isBlank(c) {
			r.keep = len(r.value)
		}
	}
}

func (r *envReader) readQuoted(c byte) {
	switch {
	case r.state == doubleEscape:
		r.state = doubleQuoted
		if strings.IndexByte("\"\\`$", c) < 0 && c != '\n' {
			r.add('\\')
		}
		if c != '\n' {
			r.add(c)
		}
	case r.state == singleQuoted && c == '\'', r.state == doubleQuoted && c == '"':
		r.state = beforeValue
	case r.state == doubleQuoted && c == '\\':
		r.state = doubleEscape
	default:
		r.add(c)
	}
}

// add adds a character that is not removed from the end of the value.
func (r *envReader) add(c byte) {
	r.value = append(r.value, c)
	r.keep = len(r.value)
}

// push ends an assignment.
func (r *envReader) push() {
	r.all = append(r.all, variable{strings.TrimRight(string(r.key), whitespace), string(r.value[:r.keep])})
	r.state, r.key, r.value, r.keep = beforeKey, nil, nil, 0
}

// validName reports whether systemd takes a name of a variable (src/basic/env-util.c).
func validName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
