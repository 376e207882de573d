package dn

import "unicode/utf8"

// mostTries is the number of places that find tries before it searches all of them at once.
const mostTries = 32

// memberTable is a piece of an fnmatch pattern, member by member: for each
// ASCII character the members that take it, one bit for each (see shiftAnd).
type memberTable struct {
	takes [utf8.RuneSelf][shiftWords]uint64
	count int // members of the piece
	end   int // offset behind the piece in the pattern
	cut   int // offset behind the members that the table holds
}

const mostMembers = 64 * shiftWords

// findAtOnce is find for a name that is ASCII from n on. ok is false if the length of a member
// depends on the character that it takes. The part of a piece that the table does not hold is tried
// at each place found.
func (m *fnmatcher) findAtOnce(p, n int) (how outcome, p2, n2 int, ok bool) {
	var t memberTable
	if !m.tabulate(p, &t) {
		return walkFailed, p, n, false
	}
	if t.end == len(m.pattern) { // the last piece: only one place is left
		if n = max(n, len(m.name)-t.count); n+t.count != len(m.name) {
			return walkFailed, p, n, true
		}
		how, p2, n2 = m.walk(p, n)
		return how, p2, n2, true
	}
	var state, none [shiftWords]uint64
	held := min(t.count, mostMembers)
	last, lastBit := (held-1)/64, uint64(1)<<((held-1)%64)
	for i := n; i < len(m.name); i++ {
		stepState(&state, &t.takes[m.name[i]], &none, true)
		if state[last]&lastBit == 0 {
			continue
		}
		if how, p2, n2 = m.walk(t.cut, i+1); how != walkFailed {
			return how, p2, n2, true
		}
	}
	return walkFailed, p, n, true
}

// tabulate fills the table for the piece that begins at p.
func (m *fnmatcher) tabulate(p int, t *memberTable) bool {
	for p < len(m.pattern) && m.pattern[p] != '*' {
		if t.count == mostMembers {
			t.cut = p
		}
		c, size := m.at(m.pattern, p)
		p += size
		ok := true
		switch c {
		case '?':
			for i := range t.takes {
				t.add(uint32(i))
			}
		case '[':
			p, ok = m.tabulateSet(p, t)
		case '\\':
			c, size = m.at(m.pattern, p)
			p += size
			t.add(c)
		default:
			t.add(c)
		}
		if !ok {
			return false
		}
		t.count++
	}
	t.end = min(p, len(m.pattern))
	if t.count <= mostMembers {
		t.cut = t.end
	}
	return t.count > 0
}

// add notes that the next member takes a character. NUL does not count as one.
func (t *memberTable) add(c uint32) {
	if 0 < c && c < utf8.RuneSelf && t.count < mostMembers {
		t.takes[c][t.count/64] |= 1 << (t.count % 64)
	}
}

// tabulateSet tries the bracket expression behind the "[" at p with every character, and returns
// its end, which has to be the same for all characters that it takes.
func (m *fnmatcher) tabulateSet(p int, t *memberTable) (int, bool) {
	end := -1
	for c := uint32(1); c < utf8.RuneSelf; c++ {
		next, how := m.bracket(p, c)
		switch {
		case how == setFails, how == setLiteral && c != '[':
			continue
		case end >= 0 && next != end:
			return p, false
		}
		end = next
		t.add(c)
	}
	return end, end >= 0
}
