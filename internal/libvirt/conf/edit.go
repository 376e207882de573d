package conf

import (
	"bytes"
	"fmt"
	"slices"
)

// Set makes v the value of name. If name has an entry, Set replaces the value of the entry that
// libvirt uses in place, or leaves it as it is written when the value is the same. Otherwise
// the entry gets a line of its own: after the last comment of the form `#name = …` (and, if
// that one extends over several lines, after all of them), or else at the end of the file. All
// other bytes stay. Added lines end as those of the file do, with CR LF or LF.
//
// It is an error, and nothing changes, when name is not a valid name, when the syntax of the
// file cannot express v ([Value.Format]), and when the file would become larger than [MaxSize].
func (c *File) Set(name string, v Value) error {
	if !isName(name) {
		return fmt.Errorf("setting %q: not a name of letters, digits and underscores", name)
	}
	text, err := v.format(c.eol())
	if err != nil {
		return fmt.Errorf("setting %s: %w", name, err)
	}
	if i, ok := c.first[name]; ok {
		e := c.entries[i]
		if e.value.Equal(v) {
			return nil
		}
		return c.splice(e.valStart, e.valEnd, text)
	}
	pos, ok := c.afterComment(name)
	if !ok {
		pos = len(c.src)
	}
	return c.insertLine(pos, name+" = "+text)
}

func isName(name string) bool {
	p := parser{src: []byte(name)}
	_, err := p.name()
	return err == nil && p.atEnd()
}

// eol returns the line end of the file, taken from its first line.
func (c *File) eol() string {
	if n := bytes.IndexByte(c.src, '\n'); n > 0 && c.src[n-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// insertLine puts text on a line of its own at pos, which must be the beginning of a line or
// the end of the file.
func (c *File) insertLine(pos int, text string) error {
	eol := c.eol()
	if pos > 0 && !isEOL(c.src[pos-1]) {
		text = eol + text
	}
	return c.splice(pos, pos, text+eol)
}

// splice replaces a range of bytes and parses the file again.
func (c *File) splice(from, to int, text string) error {
	return c.reread(slices.Concat(c.src[:from], []byte(text), c.src[to:]))
}

func (c *File) reread(src []byte) error {
	edited, err := Parse(src)
	if err != nil {
		return fmt.Errorf("edited file: %w", err)
	}
	*c = *edited
	return nil
}

// afterComment finds the beginning of the line after a commented-out entry of name. The last of
// several counts. But an entry with nothing between # and the name, as in the files that
// libvirt ships, goes before one with blanks, which may be a sentence.
func (c *File) afterComment(name string) (pos int, ok bool) {
	found, plain := -1, false
	for i, com := range c.comments {
		text := c.src[com.start+1 : com.end]
		trimmed := bytes.TrimLeft(text, " \t")
		if !commentAssigns(trimmed, name) {
			continue
		}
		if isPlain := len(trimmed) == len(text); isPlain || !plain {
			found, plain = i, isPlain
		}
	}
	if found < 0 {
		return 0, false
	}
	return c.lineAfter(c.comments[c.lastOfBlock(found)].end), true
}

// commentAssigns reports whether text begins with `name =`.
func commentAssigns(text []byte, name string) bool {
	rest, ok := bytes.CutPrefix(text, []byte(name))
	return ok && bytes.HasPrefix(bytes.TrimLeft(rest, " \t"), []byte("="))
}

// lineAfter returns the offset of the line after the one that ends at pos.
func (c *File) lineAfter(pos int) int {
	switch rest := c.src[pos:]; {
	case bytes.HasPrefix(rest, []byte("\r\n")):
		return pos + 2
	case len(rest) > 0:
		return pos + 1
	}
	return pos
}

// lastOfBlock returns the index of the comment that ends the commented-out entry in comment i:
// i itself, or the one that closes its list or its long string.
func (c *File) lastOfBlock(i int) int {
	var text []byte
	for j := i; j == i || j < len(c.comments) && c.follows(j); j++ {
		text = append(append(text, c.src[c.comments[j].start+1:c.comments[j].end]...), '\n')
	}
	p := parser{src: text[bytes.IndexByte(text, '=')+1:]}
	if _, err := p.value(); err == nil {
		return i + bytes.Count(p.src[:p.pos], []byte{'\n'})
	}
	return i + closingLine(p.src)
}

// follows reports whether comment j stands on the line after comment j-1.
func (c *File) follows(j int) bool {
	begin := c.lineAfter(c.comments[j-1].end)
	return begin <= c.comments[j].start &&
		len(bytes.Trim(c.src[begin:c.comments[j].start], " \t")) == 0
}

// closingLine finds the line, counted from 0, that begins with ] in a malformed list, for
// instance one with comments in it. It gives up at an empty line and then returns 0.
func closingLine(text []byte) int {
	if !bytes.HasPrefix(bytes.TrimLeft(text, " \t"), []byte("[")) {
		return 0
	}
	n := 0
	for line := range bytes.Lines(text) {
		line = bytes.TrimLeft(line, " \t\n")
		if len(line) == 0 {
			return 0
		}
		if line[0] == ']' {
			return n
		}
		n++
	}
	return 0
}

// Unset removes every entry of name and reports whether name had one. If an entry has its lines
// to itself, Unset removes these lines with the comment after its value. If a line holds
// several entries, Unset removes only the one. All other bytes stay, with one exception: when
// only blanks and line ends would be left, the file becomes empty, since libvirt refuses a file
// of blank lines.
func (c *File) Unset(name string) bool {
	if _, ok := c.first[name]; !ok {
		return false
	}
	var out []byte
	from := 0
	for _, e := range c.entries {
		if e.name != name {
			continue
		}
		out = append(out, c.src[from:e.start]...)
		out, from = c.cut(out, e)
	}
	out = append(out, c.src[from:]...)
	if len(bytes.Trim(out, " \t\r\n")) == 0 {
		out = nil
	}
	if err := c.reread(out); err != nil {
		panic(fmt.Sprintf("removing %s: %v", name, err)) // an entry's end is where another may begin
	}
	return true
}

// cut removes e. Given out, the kept part of the file before e, it returns the part that is
// kept now and the offset from which to go on.
func (c *File) cut(out []byte, e entry) (kept []byte, from int) {
	kept = bytes.TrimRight(out, " \t")
	first := len(kept) == 0 || isEOL(kept[len(kept)-1])
	p := parser{src: c.src, pos: e.next}
	p.skipBlanks()
	semicolon := p.cur() == ';'
	if semicolon {
		p.pos++
		p.skipBlanks()
	}
	last := p.atEnd() || isEOL(p.cur())
	switch {
	case first && last:
		return kept, c.lineAfter(p.pos)
	case last && !semicolon:
		return out, e.commentStart
	}
	return out, p.pos
}
