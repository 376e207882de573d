package libvirt

import (
	"bytes"
	"fmt"
)

// maxConfDepth is how deep lists may nest. libvirt has no such limit: it calls
// itself for every level, and with the usual 8 MiB of stack libvirtd 9.0 takes
// 120,000 levels and dies at 200,000. No setting wants even two.
const maxConfDepth = 100_000

// confParser walks over src as src/util/virconf.c does. Each method leaves pos
// after what it has read.
type confParser struct {
	src      []byte
	pos      int
	depth    int
	entries  []confEntry
	comments []confComment
}

// cur is the byte at pos, and NUL at the end: libvirt reads the file into a
// buffer with a NUL after it and relies on that.
func (p *confParser) cur() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

func (p *confParser) atEnd() bool { return p.pos >= len(p.src) }

func isConfBlank(b byte) bool { return b == ' ' || b == '\t' }
func isConfEOL(b byte) bool   { return b == '\n' || b == '\r' }
func isConfDigit(b byte) bool { return '0' <= b && b <= '9' }
func isConfAlpha(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

// skip moves on while the byte at pos satisfies is.
func (p *confParser) skip(is func(byte) bool) {
	for !p.atEnd() && is(p.src[p.pos]) {
		p.pos++
	}
}

func (p *confParser) skipBlanks() { p.skip(isConfBlank) }

func (p *confParser) skipBlanksAndEOL() {
	p.skip(func(b byte) bool { return isConfBlank(b) || isConfEOL(b) })
}

func (p *confParser) skipLine() {
	p.skip(func(b byte) bool { return !isConfEOL(b) })
}

func (p *confParser) errorf(format string, args ...any) error {
	line, column := confPlace(p.src, p.pos)
	return &ConfError{line, column, fmt.Sprintf(format, args...)}
}

func (p *confParser) file() error {
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
func (p *confParser) statement() error {
	p.skipBlanksAndEOL()
	if p.cur() == '#' {
		c := confComment{start: p.pos}
		p.skipLine()
		c.end = p.pos
		p.comments = append(p.comments, c)
		return nil
	}
	e := confEntry{start: p.pos}
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

func (p *confParser) assignment(e *confEntry) (err error) {
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

func (p *confParser) name() (string, error) {
	start := p.pos
	if !isConfAlpha(p.cur()) {
		return "", p.errorf("expecting a name%s", p.nameHint())
	}
	p.skip(func(b byte) bool { return isConfAlpha(b) || isConfDigit(b) || b == '_' })
	return string(p.src[start:p.pos]), nil
}

func (p *confParser) nameHint() string {
	switch {
	case bytes.HasPrefix(p.src[p.pos:], []byte("\xef\xbb\xbf")):
		return " (the file begins with a byte order mark)"
	case p.atEnd():
		return " (a file must not consist of blank lines alone)"
	}
	return p.found()
}

// found says what stands at pos instead of what was expected.
func (p *confParser) found() string {
	switch {
	case p.atEnd():
		return " (the file ends here)"
	case isConfEOL(p.cur()):
		return " (the line ends here)"
	}
	return fmt.Sprintf(" (found %q)", p.src[p.pos:p.pos+1])
}

// separator reads what stands between two statements.
func (p *confParser) separator() error {
	p.skipBlanks()
	switch {
	case p.atEnd():
		return nil
	case p.cur() == ';':
		p.pos++
	case !isConfEOL(p.cur()):
		return p.errorf("expecting a separator%s", p.found())
	}
	p.skipBlanksAndEOL()
	return nil
}

func (p *confParser) value() (Value, error) {
	p.skipBlanks()
	switch b := p.cur(); {
	case p.atEnd():
		return Value{}, p.errorf("expecting a value%s", p.found())
	case b == '"' || b == '\'':
		return p.str()
	case b == '[':
		return p.list()
	case isConfDigit(b) || b == '-' || b == '+':
		return p.number()
	case b == '#' && p.depth > 0:
		return Value{}, p.errorf("expecting a value (a comment must not stand inside a list)")
	}
	return Value{}, p.errorf("expecting a value%s", p.found())
}

// number reads decimal digits. One that 64 bits do not hold wraps around
// without a word, as it does in libvirt 7.0 and 9.0; 11.3 and 12.8 refuse it.
func (p *confParser) number() (Value, error) {
	v := Value{kind: KindInt, minus: p.cur() == '-'}
	if !isConfDigit(p.cur()) {
		p.pos++
	}
	if !isConfDigit(p.cur()) {
		return Value{}, p.errorf("unterminated number%s", p.found())
	}
	for ; isConfDigit(p.cur()); p.pos++ {
		v.num = v.num*10 + int64(p.cur()-'0')
	}
	if v.minus {
		v.num = -v.num
	}
	return v, nil
}

// str reads a string in any of its three quotes. There are no escapes. Three
// double quotes open a long string only where more than three bytes follow
// them; else they are an empty string and a stray quote.
func (p *confParser) str() (Value, error) {
	rest := p.src[p.pos:]
	if len(rest) > 6 && bytes.HasPrefix(rest, []byte(`"""`)) {
		return p.longStr()
	}
	quote := p.cur()
	p.pos++
	start := p.pos
	p.skip(func(b byte) bool { return b != quote && !isConfEOL(b) })
	if p.cur() != quote {
		return Value{}, p.errorf("unterminated string (the opening %c is in column %d)", quote, p.column(start-1))
	}
	p.pos++
	return confString(p.src[start : p.pos-1]), nil
}

func (p *confParser) longStr() (Value, error) {
	start := p.pos + 3
	n := bytes.Index(p.src[start:], []byte(`"""`))
	if n < 0 {
		line, column := confPlace(p.src, p.pos)
		p.pos = len(p.src) - 2 // where libvirt stops looking for three quotes
		return Value{}, p.errorf(`unterminated string (the opening """ is in line %d, column %d)`, line, column)
	}
	p.pos = start + n + 3
	return confString(p.src[start : start+n]), nil
}

func (p *confParser) column(pos int) int {
	_, column := confPlace(p.src, pos)
	return column
}

// confString makes the value of a string's bytes. libvirt keeps it as a C
// string: what stands after a NUL is lost.
func confString(b []byte) Value {
	if n := bytes.IndexByte(b, 0); n >= 0 {
		b = b[:n]
	}
	return StringValue(string(b))
}

// list reads what stands in brackets, over any number of lines. The last item
// may have a comma after it.
func (p *confParser) list() (Value, error) {
	if p.depth++; p.depth > maxConfDepth {
		return Value{}, p.errorf("lists nest deeper than %d", maxConfDepth)
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
func (p *confParser) item(v *Value) error {
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

func (p *confParser) itemHint() string {
	if p.cur() == '#' {
		return " (a comment must not stand inside a list)"
	}
	return p.found()
}
