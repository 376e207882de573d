package conf

import (
	"bytes"
	"fmt"
)

// maxDepth is the number of levels to which lists may nest. libvirt has no such limit: it calls
// itself for every level, and with the usual 8 MiB of stack libvirtd 9.0 takes 120,000 levels
// and dies at 200,000. No setting wants even two.
const maxDepth = 100_000

// parser walks over src as src/util/virconf.c does. Each method leaves pos after the text that
// it has read.
type parser struct {
	src      []byte
	pos      int
	depth    int
	entries  []entry
	comments []comment
}

// cur is the byte at pos, and NUL at the end: libvirt reads the file into a
// buffer with a NUL after it and relies on that.
func (p *parser) cur() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

func (p *parser) atEnd() bool { return p.pos >= len(p.src) }

func isBlank(b byte) bool { return b == ' ' || b == '\t' }
func isEOL(b byte) bool   { return b == '\n' || b == '\r' }
func isDigit(b byte) bool { return '0' <= b && b <= '9' }
func isAlpha(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

// skip moves on while the byte at pos satisfies the condition.
func (p *parser) skip(is func(byte) bool) {
	for !p.atEnd() && is(p.src[p.pos]) {
		p.pos++
	}
}

func (p *parser) skipBlanks() { p.skip(isBlank) }

func (p *parser) skipBlanksAndEOL() {
	p.skip(func(b byte) bool { return isBlank(b) || isEOL(b) })
}

func (p *parser) skipLine() {
	p.skip(func(b byte) bool { return !isEOL(b) })
}

func (p *parser) errorf(format string, args ...any) error {
	line, column := place(p.src, p.pos)
	return &Error{line, column, fmt.Sprintf(format, args...)}
}

func (p *parser) file() error {
	for !p.atEnd() {
		if err := p.statement(); err != nil {
			return err
		}
		if err := p.separator(); err != nil {
			return err
		}
	}
	return nil
}

// statement reads a comment, or an entry with the comment after it.
func (p *parser) statement() error {
	p.skipBlanksAndEOL()
	if p.cur() == '#' {
		c := comment{start: p.pos}
		p.skipLine()
		c.end = p.pos
		p.comments = append(p.comments, c)
		return nil
	}
	e := entry{start: p.pos}
	if err := p.assignment(&e); err != nil {
		return err
	}
	p.skipBlanks()
	e.commentStart = p.pos
	if p.cur() == '#' {
		p.skipLine()
	}
	e.next = p.pos
	p.entries = append(p.entries, e)
	return nil
}

func (p *parser) assignment(e *entry) (err error) {
	if e.name, err = p.name(); err != nil {
		return err
	}
	p.skipBlanks()
	if p.cur() != '=' {
		return p.errorf("expecting an assignment%s", p.found())
	}
	p.pos++
	p.skipBlanks()
	e.valStart = p.pos
	e.value, err = p.value()
	e.valEnd = p.pos
	return err
}

func (p *parser) name() (string, error) {
	start := p.pos
	if !isAlpha(p.cur()) {
		return "", p.errorf("expecting a name%s", p.nameHint())
	}
	p.skip(func(b byte) bool { return isAlpha(b) || isDigit(b) || b == '_' })
	return string(p.src[start:p.pos]), nil
}

func (p *parser) nameHint() string {
	switch {
	case bytes.HasPrefix(p.src[p.pos:], []byte("\xef\xbb\xbf")):
		return " (the file begins with a byte order mark)"
	case p.atEnd():
		return " (a file must not consist of blank lines alone)"
	}
	return p.found()
}

// found describes the text at pos, where the parser expected something else.
func (p *parser) found() string {
	switch {
	case p.atEnd():
		return " (the file ends here)"
	case isEOL(p.cur()):
		return " (the line ends here)"
	}
	return fmt.Sprintf(" (found %q)", p.src[p.pos:p.pos+1])
}

// separator reads the text between two statements.
func (p *parser) separator() error {
	p.skipBlanks()
	switch {
	case p.atEnd():
		return nil
	case p.cur() == ';':
		p.pos++
	case !isEOL(p.cur()):
		return p.errorf("expecting a separator%s", p.found())
	}
	p.skipBlanksAndEOL()
	return nil
}

func (p *parser) value() (Value, error) {
	p.skipBlanks()
	switch b := p.cur(); {
	case p.atEnd():
		return Value{}, p.errorf("expecting a value%s", p.found())
	case b == '"' || b == '\'':
		return p.str()
	case b == '[':
		return p.list()
	case isDigit(b) || b == '-' || b == '+':
		return p.number()
	case b == '#' && p.depth > 0:
		return Value{}, p.errorf("expecting a value (a comment must not stand inside a list)")
	}
	return Value{}, p.errorf("expecting a value%s", p.found())
}

// number reads decimal digits. A number that does not fit into 64 bits silently wraps around,
// as in libvirt 7.0 and 9.0; 11.3 and 12.8 refuse it.
func (p *parser) number() (Value, error) {
	v := Value{kind: KindInt, minus: p.cur() == '-'}
	if !isDigit(p.cur()) {
		p.pos++
	}
	if !isDigit(p.cur()) {
		return Value{}, p.errorf("unterminated number%s", p.found())
	}
	for ; isDigit(p.cur()); p.pos++ {
		v.num = v.num*10 + int64(p.cur()-'0')
	}
	if v.minus {
		v.num = -v.num
	}
	return v, nil
}

// str reads a string in any of its three quotes. The syntax has no escapes. Three double quotes
// open a long string only if more than three bytes follow them; else they are an empty string
// and a stray quote.
func (p *parser) str() (Value, error) {
	rest := p.src[p.pos:]
	if len(rest) > 6 && bytes.HasPrefix(rest, []byte(`"""`)) {
		return p.longStr()
	}
	quote := p.cur()
	p.pos++
	start := p.pos
	p.skip(func(b byte) bool { return b != quote && !isEOL(b) })
	if p.cur() != quote {
		return Value{}, p.errorf("unterminated string (the opening %c is in column %d)", quote, p.column(start-1))
	}
	p.pos++
	return quoted(p.src[start : p.pos-1]), nil
}

func (p *parser) longStr() (Value, error) {
	start := p.pos + 3
	n := bytes.Index(p.src[start:], []byte(`"""`))
	if n < 0 {
		line, column := place(p.src, p.pos)
		p.pos = len(p.src) - 2 // where libvirt stops looking for three quotes
		return Value{}, p.errorf(`unterminated string (the opening """ is in line %d, column %d)`, line, column)
	}
	p.pos = start + n + 3
	return quoted(p.src[start : start+n]), nil
}

func (p *parser) column(pos int) int {
	_, column := place(p.src, pos)
	return column
}

// quoted returns the value for a string's bytes. libvirt keeps it as a C string: the bytes
// after a NUL are lost.
func quoted(b []byte) Value {
	if n := bytes.IndexByte(b, 0); n >= 0 {
		b = b[:n]
	}
	return StringValue(string(b))
}

// list reads the items in brackets, over any number of lines. The last item may have a comma
// after it.
func (p *parser) list() (Value, error) {
	if p.depth++; p.depth > maxDepth {
		return Value{}, p.errorf("lists nest deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	p.pos++
	p.skipBlanksAndEOL()
	v := Value{kind: KindList}
	for !p.atEnd() && p.cur() != ']' {
		if err := p.item(&v); err != nil {
			return Value{}, err
		}
	}
	if p.cur() != ']' {
		return Value{}, p.errorf("list is not closed with ]%s", p.found())
	}
	p.pos++
	return v, nil
}

// item reads an item of a list, and the comma before it unless it is the first.
func (p *parser) item(v *Value) error {
	if len(v.items) > 0 {
		if p.cur() != ',' {
			return p.errorf("expecting a separator in list%s", p.itemHint())
		}
		p.pos++
		p.skipBlanksAndEOL()
		if p.cur() == ']' {
			return nil
		}
	}
	it, err := p.value()
	if err != nil {
		return err
	}
	v.items = append(v.items, it)
	p.skipBlanksAndEOL()
	return nil
}

func (p *parser) itemHint() string {
	if p.cur() == '#' {
		return " (a comment must not stand inside a list)"
	}
	return p.found()
}
