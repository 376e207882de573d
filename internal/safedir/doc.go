// Package safedir opens directories by a way that no stranger can lead astray, and works
// in them by their descriptor.
//
// A [Walk] goes down one name at a time and looks at the owner and mode of each directory
// and each link; a [Policy] says how far they are trusted, and a [Refusal] what to do about
// one that is not. A [Dir] makes, opens, renames and removes single names, and never
// follows a link. It knows neither plans nor locks, and no file's meaning: package store
// builds on it.
package safedir
