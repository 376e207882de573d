package safedir

import (
	"crypto/rand"
	"path/filepath"
)

// TempPrefix and TempSuffix enclose the names of files under construction, and of files that are
// about to be removed. libvirt does not read a file whose name begins with a dot.
const (
	TempPrefix = ".virtpki-"
	TempSuffix = ".tmp"
)

// Unpredictable returns text for a name that no other user can take beforehand.
func Unpredictable() string { return rand.Text()[:13] }

// Unfinished reports whether a name is that of a file under construction.
func Unfinished(name string) bool {
	matched, _ := filepath.Match(TempPrefix+"*"+TempSuffix, name)
	return matched
}
