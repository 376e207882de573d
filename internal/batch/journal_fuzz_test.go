package batch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"virtpki/internal/safedir"
)

// FuzzJournal checks that a journal names nothing outside the directory of the bundles, and no
// staging directory that virtpki does not make.
func FuzzJournal(f *testing.F) {
	for _, rest := range []string{"", "staging .virtpki-a.tmp\n", "staging .virtpki-a.tmp\n01 02 \"hv1\"\n", "staging .virtpki-a.tmp\n01 \"..\"\n", "staging ..\n", "staging .virtpki-a.tmp\n01 \"a\\x2fb\"\n"} {
		f.Add([]byte(journalFirst + "\n" + rest))
	}
	file, err := os.Create(filepath.Join(f.TempDir(), "journal"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { file.Close() })
	f.Fuzz(func(t *testing.T, data []byte) {
		j := &journal{file: file}
		if j.parse(data) != nil {
			return
		}
		if j.staging != "" && (!safedir.Unfinished(j.staging) || strings.Contains(j.staging, "/")) {
			t.Errorf("%q: staging directory %q", data, j.staging)
		}
		for _, e := range j.entries {
			if e.bundle == "" || e.bundle == "." || e.bundle == ".." || strings.ContainsAny(e.bundle, "/\x00") {
				t.Errorf("%q: a bundle %q", data, e.bundle)
			}
		}
	})
}
