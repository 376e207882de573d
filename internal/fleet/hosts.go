package fleet

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"virtpki/internal/hint"
	"virtpki/internal/termtext"
)

// MaxHosts is the greatest size of a list of hosts, in bytes.
const MaxHosts = 64 << 20

// maxHostLine is the greatest length of one line.
const maxHostLine = 64 << 10

// hostLine is one host of a list.
type hostLine struct {
	number int    // of the line, from 1; 0 for a name of the command line
	text   string // name and SANs, as they stand there
}

// fields returns the name and the SANs. A comment ends the line. A name of the command line
// stands for itself, blanks included.
func (h hostLine) fields() (name string, sans []string) {
	if h.number == 0 {
		return h.text, nil
	}
	fields := strings.Fields(h.text)
	for i, field := range fields {
		if strings.HasPrefix(field, "#") {
			fields = fields[:i]
			break
		}
	}
	if len(fields) == 0 {
		return "", nil
	}
	return fields[0], fields[1:]
}

// Hosts is a list of hosts, with its name for errors.
type Hosts struct {
	from  string
	hosts []hostLine
}

// Line is one host of a list.
type Line struct{ h hostLine }

// Number returns the number of the line in its file, from 1.
func (l Line) Number() int { return l.h.number }

// Fields returns the name, and the fields behind it.
func (l Line) Fields() (name string, rest []string) { return l.h.fields() }

// Lines yields the hosts in their order.
func (l *Hosts) Lines() iter.Seq[Line] {
	return func(yield func(Line) bool) {
		for _, h := range l.hosts {
			if !yield(Line{h}) {
				return
			}
		}
	}
}

// at adds the line to an error about it. A mistake in a file is not a usage error.
func (l *Hosts) at(h hostLine, err error) error {
	if err == nil || h.number == 0 {
		return err
	}
	return fmt.Errorf("%s: line %d: %w", l.from, h.number, hint.NotUsage(err))
}

// Named returns a list of the names of a command line.
func Named(names []string) *Hosts {
	list := &Hosts{from: "command line"}
	for _, name := range names {
		list.hosts = append(list.hosts, hostLine{text: name})
	}
	return list
}

// ParseHosts reads a list: a host in each line, its name and then its SANs. from is the list's
// name in errors. It checks the whole list before anything is made.
func ParseHosts(from string, text []byte) (*Hosts, error) {
	if len(text) > MaxHosts {
		return nil, fmt.Errorf("%s: a list of hosts has at most %d bytes", from, MaxHosts)
	}
	list := &Hosts{from: from}
	return list, list.parse(string(text))
}

// parse finds the lines that name a host. It accepts a byte order mark and the line ends of
// other systems.
func (l *Hosts) parse(text string) error {
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\xef\xbb\xbf")) {
		number++
		h := hostLine{number: number, text: strings.TrimSpace(line)}
		if err := checkHostLine(h.text); err != nil {
			return l.at(h, err)
		}
		if name, _ := h.fields(); name != "" {
			l.hosts = append(l.hosts, h)
		}
	}
	if len(l.hosts) == 0 {
		return hint.With(fmt.Errorf("%s names no host", l.from), "write one a line: name, then other names and addresses of it")
	}
	return nil
}

func checkHostLine(text string) error {
	switch {
	case len(text) > maxHostLine:
		return fmt.Errorf("%d bytes are too long (at most %d)", len(text), maxHostLine)
	case strings.ContainsRune(text, 0):
		return errors.New("has a NUL byte: not a text file")
	case !utf8.ValidString(text):
		return errors.New("is not valid UTF-8")
	}
	return nil
}

// checkTwins refuses a name that is given twice, however it is written: a DNS name is the same
// in any case, and so is a directory on some systems.
func (l *Hosts) checkTwins() error {
	seen := make(map[string]int, len(l.hosts))
	for i, h := range l.hosts {
		name, _ := h.fields()
		key := strings.ToLower(name)
		first, twice := seen[key]
		if !twice {
			seen[key] = i
			continue
		}
		if other, _ := l.hosts[first].fields(); other != name {
			return l.twin(h, fmt.Errorf("name %s is %s, written differently%s", termtext.QuoteShort(name), termtext.QuoteShort(other), l.where(first)))
		}
		return l.twin(h, fmt.Errorf("name %s is given twice%s", termtext.QuoteShort(name), l.where(first)))
	}
	return nil
}

// twin returns a usage error for a command line, and the error of a bad line for a file.
func (l *Hosts) twin(h hostLine, err error) error {
	if h.number == 0 {
		return hint.Usage(err)
	}
	return l.at(h, err)
}

func (l *Hosts) where(i int) string {
	if number := l.hosts[i].number; number != 0 {
		return fmt.Sprintf(", first in line %d", number)
	}
	return ""
}
