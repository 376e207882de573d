package safedir

import (
	"crypto/rand"
	"path/filepath"
)

// TempPrefix and TempSuffix enclose the names of files under construction, and of those
// about to go. A name that begins with a dot is no file libvirt reads.
const (
	TempPrefix = ".virtpki-"
	TempSuffix = ".tmp"
)

// Unpredictable returns text for a name that nobody can take beforehand.
func Unpredictable() string { return rand.Text()[:13] }

// Unfinished reports whether a name is that of a file under construction.
func Unfinished(name string) bool {
	matched, _ := filepath.Match(TempPrefix+"*"+TempSuffix, name)
	return matched
}
