package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"virtpki/internal/judge"
)

// untyped lists the ids with a fix that a script cannot type, each with the reason.
var untyped = map[string]string{
	"unseen":                 "the same run as root sees it",
	"not-readable":           "a user asks the CA for a pair",
	"label":                  "restorecon needs a kernel with SELinux",
	"ca-too-many":            "nobody here knows which CAs others rely on",
	"ca-key-mismatch":        "the half that was replaced is in a backup, or nowhere",
	"session-issuer-missing": "check --connect says it of the other side",
	"dn-refused":             "check --connect says it of the other side",
	"name-mismatch":          "check --connect says it of the other side",
	"ca-unreadable":          "check says it of the place: not-a-file",
	"crl-unreadable":         "check says it of the place: not-a-file",
	"ca-missing":             "check says it of the place: no-ca",
	"pair-missing":           "check says it of the place: no-client-pair",
	"no-certificate":         "check says it of the place: no-client-pair",
}

// typing matches the lines of scripts that type a fix, or that check that a finding has none.
var typing = regexp.MustCompile(`(?m)^(?:fixes|unfixed|on hv1 (?:inside )?sh -e /root/host.sh) ([a-z-]+)(?: |$)`)

// TestEveryFixIsTyped checks that a script types the fix of each id of the catalogue, except for
// those listed in untyped.
func TestEveryFixIsTyped(t *testing.T) {
	typed := make(map[string]bool)
	scripts, err := filepath.Glob("../../testdata/[es]*/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("%d scripts, %v", len(scripts), err)
	}
	for _, script := range scripts {
		data, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range typing.FindAllSubmatch(data, -1) {
			typed[string(m[1])] = true
		}
	}
	var missing []string
	for _, entry := range judge.Catalogue() {
		switch _, in := untyped[entry.ID]; {
		case typed[entry.ID] && in:
			t.Errorf("%s: a script types its fix: take it out of the list", entry.ID)
		case !typed[entry.ID] && !in:
			missing = append(missing, entry.ID)
		}
		delete(typed, entry.ID)
	}
	if len(missing) > 0 {
		t.Errorf("no script types the fix of\n%s", strings.Join(missing, " "))
	}
	for id := range typed {
		t.Errorf("%s: no such finding", id)
	}
	for id := range untyped {
		if !slices.Contains(judge.IDs(), id) {
			t.Errorf("%s is listed, and no such finding", id)
		}
	}
}
