package dn

import (
	_ "embed" // the tables of character classes
	"encoding/binary"
	"slices"
	"sync"
)

// The character classes of glibc 2.36's C.UTF-8 locale (Unicode 14), taken
// from its iswctype: for each class the code points at which membership
// changes, as differences in the variable-length form of encoding/binary.
//
// Other releases of glibc differ in characters that Unicode added or reclassified.
var (
	//go:embed ctype/alpha
	packedAlpha []byte
	//go:embed ctype/graph
	packedGraph []byte
	//go:embed ctype/lower
	packedLower []byte
	//go:embed ctype/upper
	packedUpper []byte
	//go:embed ctype/combining
	packedCombining []byte

	runsAlpha     = sync.OnceValue(func() []uint32 { return unpackRuns(packedAlpha) })
	runsGraph     = sync.OnceValue(func() []uint32 { return unpackRuns(packedGraph) })
	runsLower     = sync.OnceValue(func() []uint32 { return unpackRuns(packedLower) })
	runsUpper     = sync.OnceValue(func() []uint32 { return unpackRuns(packedUpper) })
	runsCombining = sync.OnceValue(func() []uint32 { return unpackRuns(packedCombining) })
)

func unpackRuns(packed []byte) []uint32 {
	var runs []uint32
	at := uint32(0)
	for len(packed) > 0 {
		delta, n := binary.Uvarint(packed)
		at += uint32(delta)
		runs, packed = append(runs, at), packed[n:]
	}
	return runs
}

// inRuns reports whether c is in a class, by counting the changes up to c.
func inRuns(runs []uint32, c uint32) bool {
	i, found := slices.BinarySearch(runs, c)
	if found {
		i++
	}
	return i%2 == 1
}

// isClassName reports whether the locale has the class.
func isClassName(class string) bool {
	switch class {
	case "alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit",
		"combining":
		return true
	}
	return false
}

// inClass is iswctype for wide characters, isctype for bytes: in UTF-8 no byte
// from 0x80 on is in any class.
func inClass(class string, c uint32, wide bool) bool {
	if c >= 0x80 && !wide {
		return false
	}
	switch class {
	case "alnum":
		return isDigit(c) || inRuns(runsAlpha(), c)
	case "alpha":
		return inRuns(runsAlpha(), c)
	case "blank":
		return c == '\t' || isSpace(c) && c != 0x2028 && c != 0x2029 && inPrint(c)
	case "cntrl":
		return c < 0x20 || 0x7f <= c && c < 0xa0 || c == 0x2028 || c == 0x2029
	case "digit":
		return isDigit(c)
	case "graph":
		return inRuns(runsGraph(), c)
	case "lower":
		return inRuns(runsLower(), c)
	case "print":
		return inPrint(c)
	case "punct":
		return inRuns(runsGraph(), c) && !isDigit(c) && !inRuns(runsAlpha(), c)
	case "space":
		return isSpace(c)
	case "upper":
		return inRuns(runsUpper(), c)
	case "xdigit":
		return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
	case "combining":
		return inRuns(runsCombining(), c)
	}
	return false
}

func isDigit(c uint32) bool { return '0' <= c && c <= '9' }

// isSpace excludes the spaces that do not break a line: U+00A0, U+2007, U+202F.
func isSpace(c uint32) bool {
	switch {
	case '\t' <= c && c <= '\r', c == ' ', c == 0x1680, 0x2000 <= c && c <= 0x200a && c != 0x2007,
		c == 0x2028, c == 0x2029, c == 0x205f, c == 0x3000:
		return true
	}
	return false
}

// inPrint reports whether c is in graph or a space with a width.
func inPrint(c uint32) bool {
	return inRuns(runsGraph(), c) || isSpace(c) && c >= ' ' && c != 0x2028 && c != 0x2029
}
