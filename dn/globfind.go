package dn

import (
	"strings"
	"unicode/utf8"
)

// findJokers looks for a piece that has a "?", not as its first character, and returns the offset
// behind its first place in name[from:], or -1.
//
// Trying every place takes len(piece)*len(name) steps at worst, so after a few places it changes to
// one pass that searches all of them at once.
func findJokers(piece, name string, from int) int {
	core := strings.TrimRight(piece, "?")
	end := findCore(core, name, from)
	for n := len(piece) - len(core); n > 0 && end >= 0; n-- {
		if end == len(name) {
			return -1
		}
		_, size := utf8.DecodeRuneInString(name[end:])
		end += size
	}
	return end
}

func findCore(core, name string, from int) int {
	joker := strings.IndexByte(core, '?')
	if joker < 0 {
		if i := strings.Index(name[from:], core); i >= 0 {
			return from + i + len(core)
		}
		return -1
	}
	for range 4 {
		i := strings.Index(name[from:], core[:joker])
		if i < 0 {
			return -1
		}
		from += i
		if n := matchPiece(core, name[from:]); n >= 0 {
			return from + n
		}
		_, size := utf8.DecodeRuneInString(name[from:])
		from += size
	}
	return shiftAnd(core, name, from)
}

// shiftWords bounds the tables of shiftAnd, which live on the stack (8 KiB).
const shiftWords = 4

// shiftAnd is the bit-parallel search of Baeza-Yates and Gonnet ("A new approach to text
// searching", 1992): bit i of the state says that the first i+1 bytes of the core end here. A "?"
// takes the first byte of a character and keeps its bit over those that continue it. The part of a
// core beyond the 256 bytes of the tables is compared at each place found.
func shiftAnd(core, name string, from int) int {
	cut := len(core)
	if cut > 64*shiftWords {
		cut = 64 * shiftWords
		for !utf8.RuneStart(core[cut]) {
			cut--
		}
		for core[cut-1] == '?' { // the comparison begins on a character of the name
			cut--
		}
	}
	var takes [256][shiftWords]uint64
	var jokers [shiftWords]uint64
	for i := range cut {
		word, bit := i/64, uint64(1)<<(i%64)
		if core[i] == '?' {
			jokers[word] |= bit
		} else {
			takes[core[i]][word] |= bit
		}
	}
	last, lastBit := (cut-1)/64, uint64(1)<<((cut-1)%64)
	var state [shiftWords]uint64
	for i := from; i < len(name); i++ {
		stepState(&state, &takes[name[i]], &jokers, utf8.RuneStart(name[i]))
		if state[last]&lastBit == 0 {
			continue
		}
		if n := matchPiece(core[cut:], name[i+1:]); n >= 0 {
			return i + 1 + n
		}
	}
	return -1
}

func stepState(state, takes, jokers *[shiftWords]uint64, first bool) {
	carry := uint64(1) // a place may begin at any byte
	for w := range state {
		old := state[w]
		moved := old<<1 | carry
		carry = old >> 63
		if first {
			state[w] = moved & (takes[w] | jokers[w])
		} else {
			state[w] = moved&takes[w] | old&jokers[w]
		}
	}
}
