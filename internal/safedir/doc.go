// Package safedir opens directories on a path that no stranger can redirect, and works in them
// by their descriptor.
//
// A [Walk] goes down one name at a time and looks at the owner and mode of each directory and
// each link. A [Policy] says how far they are trusted; a [Refusal] says how to fix one that is
// not. A [Dir] makes, opens, renames and removes single names, and never follows a link. The
// package does not know plans, locks or the meaning of a file: package store builds on it.
package safedir
