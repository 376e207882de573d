package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"virtpki/internal/inspect"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
)

// typing matches the lines of scripts that type a fix; wording those that require a finding without
// a command.
var (
	typing  = regexp.MustCompile(`(?m)^(?:fixes|on hv1 (?:inside )?sh -e /root/(?:host|connect)\.sh) ([a-z-]+)(?: |$)`)
	wording = regexp.MustCompile(`(?m)^(?:unfixed|inwords) ([a-z-]+)(?: |$)`)
)

// fixLines are the ids in the lines of all scripts that type a fix, and in those that require a finding
// without a command.
type fixLines struct{ typed, worded map[string]bool }

// scriptFixes reads the scripts once.
var scriptFixes = sync.OnceValues(func() (fixLines, error) {
	lines := fixLines{make(map[string]bool), make(map[string]bool)}
	scripts, err := filepath.Glob("../../testdata/[es]*/*.txtar")
	if err == nil && len(scripts) == 0 {
		err = fs.ErrNotExist
	}
	for _, script := range scripts {
		data, readErr := os.ReadFile(script)
		if readErr != nil {
			return lines, readErr
		}
		for _, m := range typing.FindAllSubmatch(data, -1) {
			lines.typed[string(m[1])] = true
		}
		for _, m := range wording.FindAllSubmatch(data, -1) {
			lines.worded[string(m[1])] = true
		}
	}
	return lines, err
})

// untyped returns an error about a finding with a command, if no script types the command of any
// finding of that id.
func untyped(found []inspect.Placed) error {
	scripts, err := scriptFixes()
	for _, f := range found {
		if err == nil && judge.IsCommand(f.Fix) && !scripts.typed[f.ID] {
			err = fmt.Errorf("%s of %s names a command, and no script types it: %s", f.ID, f.File, f.Fix)
		}
	}
	return err
}

// replaced returns findings of the judge that check does not show: it has findings on the place of
// the file instead (no-ca, not-a-file, not-readable), and check --connect has words of its own.
func replaced(t *testing.T) map[string][]judge.Finding {
	file := func(path string, err error) judge.File { return judge.File{Path: path, Err: err} }
	own := func(ca, crl error) []judge.Finding {
		set := judge.Set{Role: judge.Server, CA: file("cacert.pem", ca), CRL: file("cacrl.pem", crl)}
		return judge.OwnFiles(set, libvirt.Release{}, time.Now())
	}
	p := newFakePKI(t)
	read := func(name string) judge.File {
		data, err := os.ReadFile(filepath.Join(p.folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return judge.File{Path: name, Data: data}
	}
	client := judge.Set{Role: judge.Client, CA: read("cacert.pem"), Cert: read("clientcert.pem"), Key: read("clientkey.pem")}
	other := judge.Peer{CA: &judge.File{Path: "cacert.pem"}}
	return map[string][]judge.Finding{
		"ca-missing":             own(fs.ErrNotExist, fs.ErrNotExist),
		"ca-unreadable":          own(fs.ErrPermission, fs.ErrNotExist),
		"crl-unreadable":         own(fs.ErrNotExist, fs.ErrPermission),
		"session-issuer-missing": judge.InSession(client, other, libvirt.Release{}, time.Now()),
	}
}

// TestReplacedFixes checks that the findings that check replaces name no command.
func TestReplacedFixes(t *testing.T) {
	for id, found := range replaced(t) {
		worded := false
		for _, f := range found {
			switch {
			case f.ID != id:
			case judge.IsCommand(f.Fix):
				t.Errorf("%s names a command: %s", id, f.Fix)
			default:
				worded = worded || f.Fix != ""
			}
		}
		if !worded {
			t.Errorf("no finding %s with a step in words: %v", id, found)
		}
	}
}

// TestEveryFixIsTyped checks that a script types the fix of each id of the catalogue, or requires
// the finding without a command. Scripts and matrix fail at a command of an id that is only required
// without one (untyped).
func TestEveryFixIsTyped(t *testing.T) {
	scripts, err := scriptFixes()
	if err != nil {
		t.Fatal(err)
	}
	shown := replaced(t)
	var missing []string
	for _, id := range judge.IDs(judge.Catalogue()) {
		_, in := shown[id]
		switch {
		case in && (scripts.typed[id] || scripts.worded[id]):
			t.Errorf("%s: check shows it: take it out of the replaced findings", id)
		case !in && !scripts.typed[id] && !scripts.worded[id]:
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		t.Errorf("no script types the fix of, or requires without a command:\n%s", strings.Join(missing, " "))
	}
	for _, lines := range []map[string]bool{scripts.typed, scripts.worded} {
		for id := range lines {
			if !slices.Contains(judge.IDs(judge.Catalogue()), id) {
				t.Errorf("%s: no such finding", id)
			}
		}
	}
	for id := range shown {
		if !slices.Contains(judge.IDs(judge.Catalogue()), id) {
			t.Errorf("%s is among the replaced findings, and no such finding", id)
		}
	}
}
