package dn

import "unicode/utf8"

// InClass lets the tests ask for every code point.
var InClass = inClass

// GlobUndefined reports whether the result of GLib for a pair is not defined, and whether that is
// because it ends the process.
func GlobUndefined(pattern, name string) (undefined, aborts bool) {
	pattern, name = untilNUL(pattern), untilNUL(name)
	if utf8.ValidString(name) && utf8.ValidString(pattern) {
		return false, false
	}
	result := globRaw(pattern, name)
	return result == globAbort || result == globUnknown, result == globAbort
}
