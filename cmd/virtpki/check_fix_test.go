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

// untyped are the ids whose fix no script types yet, or that have none that can be typed:
// their fix is done elsewhere, in words, or by a program that tests do without.
const untyped = `
	dangling clock link short-life not-a-file not-a-folder too-large unseen not-readable other-prefix root-home label qemu-other-ca
	validate-missing validate-access validate-name conf-duplicate files-lists file-relative conf-unread
	setting-elsewhere nobody-listens listens-by-hand auth-sasl qemu-tls-nowhere cert-unreadable ca-unreadable
	key-unreadable crl-unreadable cert-too-large ca-too-large ca-not-pem ca-broken cert-missing ca-missing
	key-missing pair-missing pair-half cert-future cert-constraints-broken cert-usage-broken
	cert-usage-signature-noncritical cert-usage-encipherment-noncritical cert-purpose-broken ca-expired ca-future
	ca-no-constraints ca-constraints-broken ca-not-ca ca-usage ca-usage-noncritical ca-usage-broken ca-too-many
	root-missing chain-order issuer-too-late issuer-in-cert-file issuer-other-key issuer-not-ca issuer-usage
	name-constraints path-length signature-wrong signature-unknown signature-insecure signature-unchecked
	extension-unknown crl-missing crl-not-pem crl-broken crl-expired crl-future crl-signature crl-foreign
	crl-superseded crl-delta key-broken key-mismatch-unseen key-type-unknown key-unchecked key-weak
	key-not-for-tls no-certificate session-issuer-missing cert-revoked cert-usage-handshake cert-usage-old-tls
	subject-unreadable subject-long dn-refused name-mismatch name-missing address-missing weak-key weak-signature
	ca-key-mismatch twin-cas`

// TestEveryFixIsTyped wants a script that types the fix of each id of the catalogue, but
// for those that are listed.
func TestEveryFixIsTyped(t *testing.T) {
	typed := make(map[string]bool)
	scripts, err := filepath.Glob("../../testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("%d scripts, %v", len(scripts), err)
	}
	for _, script := range scripts {
		data, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^fixes ([a-z-]+) `).FindAllSubmatch(data, -1) {
			typed[string(m[1])] = true
		}
	}
	listed := strings.Fields(untyped)
	var missing []string
	for _, entry := range judge.Catalogue() {
		switch in := slices.Contains(listed, entry.ID); {
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
	for _, id := range listed {
		if !slices.Contains(judge.IDs(), id) {
			t.Errorf("%s is listed, and no such finding", id)
		}
	}
}
