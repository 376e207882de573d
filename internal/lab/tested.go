package lab

import (
	"os"
	"testing"
)

// Tested returns the releases on which a test has real programs: those that VIRTPKI_RELEASES
// names, or those of an ordinary run. It skips the test with -short and where no lab can be had.
func Tested(t testing.TB) []Release {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no real programs of a release")
	}
	if err := Usable(); err != nil {
		t.Skip(err)
	}
	releases, err := Select(os.Getenv("VIRTPKI_RELEASES"))
	if err != nil {
		t.Fatal(err)
	}
	return releases
}
