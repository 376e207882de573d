package dn

// Bracket expressions as glibc 2.36 reads them (posix/fnmatch_loop.c). They are read again for each
// character, because the end of an ill-formed one depends on whether the character was matched, and
// by which member.

type setResult uint8

const (
	setFails   setResult = iota
	setMatches           // the character is in the set, or not in a negated one
	setLiteral           // no "]": the "[" stands for itself
)

// longestClass is glibc's CHARCLASS_NAME_MAX.
const longestClass = 2048

// setReader reads one bracket expression.
type setReader struct {
	m   *fnmatcher
	pos int
	got uint32 // the character to be matched
}

func (r *setReader) next() uint32 {
	c, size := r.m.at(r.m.pattern, r.pos)
	r.pos += size
	return c
}

func (r *setReader) peek() uint32 {
	c, _ := r.m.at(r.m.pattern, r.pos)
	return c
}

// peekAfter returns the character after the next one.
func (r *setReader) peekAfter() uint32 {
	_, size := r.m.at(r.m.pattern, r.pos)
	c, _ := r.m.at(r.m.pattern, r.pos+size)
	return c
}

// bracket matches one character against the set that begins behind the "[" at p, and returns the
// offset behind the "]".
func (m *fnmatcher) bracket(p int, got uint32) (int, setResult) {
	r := setReader{m: m, pos: p, got: got}
	negated := r.peek() == '!' || r.peek() == '^'
	if negated {
		r.pos++
	}
	how := r.members()
	if how == memberHit {
		how = r.skip()
		if how == memberEnd && negated {
			how = memberBad
		}
	} else if how == memberEnd && !negated {
		how = memberBad
	}
	switch how {
	case memberEnd:
		return r.pos, setMatches
	case memberOpen:
		return p, setLiteral
	}
	return p, setFails
}

// memberResult is the result of one member of a set, or of all of them.
type memberResult uint8

const (
	memberMiss memberResult = iota
	memberHit
	memberBad  // ill-formed: the whole match fails
	memberOpen // the pattern ended
	memberEnd  // the "]"
)

// members reads the set until a member matches.
func (r *setReader) members() memberResult {
	c := r.next()
	for {
		how := memberMiss
		switch {
		case c == 0:
			return memberOpen
		case c == '\\':
			if r.peek() == 0 {
				return memberBad
			}
			c, how = r.plain(r.next())
		case c == '[' && r.peek() == ':':
			c, how = r.class()
		case c == '[' && r.peek() == '=':
			c, how = r.equivalence()
		case c == '[' && r.peek() == '.':
			c, how = r.symbol()
		default:
			c, how = r.plain(c)
		}
		if how != memberMiss {
			return how
		}
		if c == ']' {
			return memberEnd
		}
	}
}

// plain reads a character that stands for itself, or begins a range. Like the functions for the
// other members it also returns the character after the member.
func (r *setReader) plain(c uint32) (uint32, memberResult) {
	isRange := r.peek() == '-' && r.peekAfter() != 0 && r.peekAfter() != ']'
	if !isRange && c == r.got {
		return c, memberHit
	}
	return r.rangeFrom(c)
}

// rangeFrom reads "-" and the upper end, if they follow.
func (r *setReader) rangeFrom(low uint32) (uint32, memberResult) {
	c := r.next()
	if c != '-' || r.peek() == ']' {
		return c, memberMiss
	}
	high := r.next()
	if high == '[' && r.peek() == '.' {
		var ok bool
		if high, ok = r.symbolName(); !ok {
			return 0, memberBad
		}
	} else {
		if high == '\\' {
			high = r.next()
		}
		if high == 0 {
			return 0, memberBad
		}
	}
	if inRange(low, r.got, high) {
		return 0, memberHit
	}
	return r.next(), memberMiss
}

// lastCollated is the last character with a place in the order of the C.UTF-8 locale; up to it the
// order is that of code points.
const lastCollated = 0xff

// inRange is glibc's test. A character without a place in the order is not in any range, and a
// range that ends with such a character holds only its first character.
func inRange(low, c, high uint32) bool {
	if c > lastCollated || low > c {
		return false
	}
	if high > lastCollated {
		return low == c
	}
	return c <= high
}

// class reads "[:name:]", or a "[" that stands for itself because no name can follow.
func (r *setReader) class() (uint32, memberResult) {
	colon := r.pos
	for n := 0; ; n++ {
		if n == longestClass {
			return 0, memberBad
		}
		r.pos++
		c := r.peek()
		if c == ':' && r.peekAfter() == ']' {
			break
		}
		if c < 'a' || c >= 'z' { // glibc has "z" on the wrong side
			r.pos = colon
			return r.plain('[')
		}
	}
	name := r.m.pattern[colon+1 : r.pos]
	r.pos += 2
	if !isClassName(name) {
		return 0, memberBad
	}
	if inClass(name, r.got, r.m.wide) {
		return 0, memberHit
	}
	return r.next(), memberMiss
}

// equivalence reads "[=a=]": in this locale every character is equivalent only to itself.
func (r *setReader) equivalence() (uint32, memberResult) {
	equals := r.pos
	r.pos++
	c := r.peek()
	if c != 0 {
		r.next()
		if r.peek() == '=' && r.peekAfter() == ']' {
			r.pos += 2
			if c == r.got {
				return 0, memberHit
			}
			return r.next(), memberMiss
		}
	}
	r.pos = equals
	return r.plain('[')
}

// symbol reads "[.a.]", which may begin a range.
func (r *setReader) symbol() (uint32, memberResult) {
	c, ok := r.symbolName()
	if !ok {
		return 0, memberBad
	}
	isRange := r.peek() == '-' && r.peekAfter() != 0
	if !isRange && c == r.got {
		return 0, memberHit
	}
	return r.rangeFrom(c)
}

// symbolName reads ".a.]". A name of more than one character is not known in
// this locale.
func (r *setReader) symbolName() (uint32, bool) {
	r.next() // the first dot
	var name uint32
	for n := 0; ; n++ {
		c := r.peek()
		if c == '.' && r.peekAfter() == ']' {
			r.pos += 2
			return name, n == 1
		}
		if c == 0 {
			return 0, false
		}
		if n == 0 {
			name = c
		}
		r.next()
	}
}

// skip skips to the "]" after a member has matched.
func (r *setReader) skip() memberResult {
	for {
		switch c := r.next(); {
		case c == 0:
			return memberOpen
		case c == ']':
			return memberEnd
		case c == '\\':
			if r.peek() == 0 {
				return memberBad
			}
			r.next()
		case c == '[' && r.peek() == ':':
			if !r.skipClass() {
				return memberBad
			}
		case c == '[' && r.peek() == '=':
			r.pos++
			if r.next() == 0 || r.peek() != '=' || r.peekAfter() != ']' {
				return memberBad
			}
			r.pos += 2
		case c == '[' && r.peek() == '.':
			if !r.skipSymbol() {
				return memberBad
			}
		}
	}
}

func (r *setReader) skipClass() bool {
	colon := r.pos
	for n := 1; n < longestClass; n++ {
		r.pos++
		c := r.peek()
		if c == ':' && r.peekAfter() == ']' {
			r.pos += 2
			return true
		}
		if c < 'a' || c >= 'z' {
			r.pos = colon
			return true
		}
	}
	return false
}

func (r *setReader) skipSymbol() bool {
	for {
		r.next()
		c := r.peek()
		if c == 0 {
			return false
		}
		if c == '.' && r.peekAfter() == ']' {
			r.pos += 2
			return true
		}
	}
}
