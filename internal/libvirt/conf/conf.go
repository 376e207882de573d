package conf

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
)

// MaxSize is the largest configuration file that libvirt reads, in bytes
// (MAX_CONFIG_FILE_SIZE in src/util/virconf.c).
const MaxSize = 10 << 20

// File is the content of a configuration file: of libvirtd.conf, virtproxyd.conf,
// qemu.conf or libvirt.conf. It is not safe for use by several goroutines while one of
// them edits it.
type File struct {
	src      []byte
	entries  []entry
	comments []comment
	first    map[string]int // name to the index of its first entry
}

// entry is one `name = value`; the fields are byte offsets.
type entry struct {
	name               string
	value              Value
	start              int // of the name
	valStart, valEnd   int
	commentStart, next int // of the comment after the value, and its end; both are equal if there is none
}

// comment is a comment that does not follow a value, from its # up to the end of its line
// (exclusive).
type comment struct {
	start, end int
}

// Error is a place in a configuration file that libvirt refuses, so that its daemon does not
// start.
type Error struct {
	Line   int    // 1-based; as libvirt counts them, by line feeds
	Column int    // 1-based, in bytes
	Msg    string // libvirt's words, and a remark in parentheses where those do not help
}

// Error returns the place and the reason; the caller adds the name of the file.
func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Msg)
}

// Duplicate is a name that has more than one entry. libvirt uses the first.
type Duplicate struct {
	Name  string
	Lines []int // 1-based, in the order of the file
}

// Parse reads src by the grammar of src/util/virconf.c in libvirt 9.0. It accepts exactly the
// files that libvirt's parser accepts. An error is always a *Error, and a daemon does not start
// with such a file. Parse does not check whether the values have the types that the daemon
// wants: see [File.CheckDaemon]. libvirt 7.0, 11.3 and 12.8 differ in one thing: the last two
// refuse a number that 63 bits do not hold.
//
// Parse keeps src; the caller must not change it afterwards.
func Parse(src []byte) (*File, error) {
	if len(src) > MaxSize {
		return nil, &Error{1, 1, fmt.Sprintf("%d bytes are more than the %d that libvirt reads", len(src), MaxSize)}
	}
	p := parser{src: src}
	if err := p.file(); err != nil {
		return nil, err
	}
	c := &File{src: src, entries: p.entries, comments: p.comments, first: map[string]int{}}
	for i, e := range c.entries {
		if _, ok := c.first[e.name]; !ok {
			c.first[e.name] = i
		}
	}
	return c, nil
}

// Read reads the configuration file at path by read, which is told the most bytes that libvirt
// takes. A file that does not exist counts as an empty one, as it does for a daemon. An error
// of the syntax names the path.
func Read(path string, read func(path string, limit int64) ([]byte, error)) (*File, error) {
	data, err := read(path, MaxSize)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	c, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Bytes returns the file: every byte as it was read, and the edits. The caller must not change
// them. They are nil for a file that did not exist.
func (c *File) Bytes() []byte { return c.src }

// Lookup returns the value that libvirt uses for name: the first one if the name has several
// entries. Names are case-sensitive.
func (c *File) Lookup(name string) (Value, bool) {
	i, ok := c.first[name]
	if !ok {
		return Value{}, false
	}
	return c.entries[i].value, true
}

// Line returns the 1-based line on which the entry of name that libvirt uses begins, or 0 when
// name has no entry.
func (c *File) Line(name string) int {
	i, ok := c.first[name]
	if !ok {
		return 0
	}
	line, _ := place(c.src, c.entries[i].start)
	return line
}

// Names returns the names that have an entry, each once, in the order of the file.
func (c *File) Names() []string {
	var names []string
	for i, e := range c.entries {
		if c.first[e.name] == i {
			names = append(names, e.name)
		}
	}
	return names
}

// Duplicates returns the names that have more than one entry, in the order of
// the file. All entries of a name but the first are without effect.
func (c *File) Duplicates() []Duplicate {
	lines := make(map[string][]int)
	line, from := 1, 0
	for _, e := range c.entries {
		line += bytes.Count(c.src[from:e.start], []byte{'\n'})
		from = e.start
		lines[e.name] = append(lines[e.name], line)
	}
	var dups []Duplicate
	for _, name := range c.Names() {
		if len(lines[name]) > 1 {
			dups = append(dups, Duplicate{name, lines[name]})
		}
	}
	return dups
}

// place turns a byte offset into a line and a column, both 1-based. Only a
// line feed ends a line here, as in libvirt's own messages, although a lone
// carriage return separates entries too.
func place(src []byte, pos int) (line, column int) {
	before := src[:pos]
	return 1 + bytes.Count(before, []byte{'\n'}), pos - bytes.LastIndexByte(before, '\n')
}

// Later returns the 1-based lines, first and last, of the entries of a name that libvirt
// ignores because an earlier entry exists. It is empty if another entry stands on one of these
// lines.
func (c *File) Later(name string) (extents [][2]int) {
	for i := range c.entries {
		if c.entries[i].name != name || i == c.first[name] {
			continue
		}
		first, last := c.extent(i)
		if c.shared(i, first, last) {
			return nil
		}
		extents = append(extents, [2]int{first, last})
	}
	return extents
}

// Extent returns the 1-based lines on which the entry of name that libvirt uses begins and
// ends, and whether other entries share these lines. It returns zeros when name has no entry.
func (c *File) Extent(name string) (first, last int, shared bool) {
	index, ok := c.first[name]
	if !ok {
		return 0, 0, false
	}
	first, last = c.extent(index)
	return first, last, c.shared(index, first, last)
}

// shared reports whether another entry stands on one of the lines of an entry. The entries are in
// the order of the file, so that one beside it does.
func (c *File) shared(index, first, last int) bool {
	if index > 0 {
		if _, before := c.extent(index - 1); before >= first {
			return true
		}
	}
	if index+1 < len(c.entries) {
		if behind, _ := c.extent(index + 1); behind <= last {
			return true
		}
	}
	return false
}

func (c *File) extent(index int) (first, last int) {
	e := c.entries[index]
	first, _ = place(c.src, e.start)
	last, _ = place(c.src, e.valEnd)
	return first, last
}
