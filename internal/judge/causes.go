package judge

import (
	"slices"
	"strings"
)

// consequences say which findings follow from which: fixing the cause fixes them, or has to happen
// before they can be fixed. of narrows the match where the ids alone do not decide.
var consequences = []struct {
	cause   string
	follows []string
	of      func(cause, f Finding) bool
}{
	{"clock", []string{"ca-future", "cert-future", "crl-future"}, anyOf},
	{"clock-ahead", []string{"ca-expired", "cert-expired", "crl-expired"}, anyOf},
	{"swapped", []string{"cert-not-pem", "cert-broken", "key-broken", "key-mismatch", "key-mismatch-unseen", "cert-purpose", "cert-purpose-noncritical",
		"purpose-not-critical", "name-missing", "address-missing", "closed", "key-open", "mode"}, sameFiles},
	{"ca-key-mismatch", []string{"issuer-missing", "issuer-other-key", "signature-wrong", "crl-foreign", "crl-signature"}, worthWarning},
	{"ca-expired", []string{"ca-expired", "cert-expired", "crl-expired"}, refusedToo},
	{"no-ca", []string{"ca-missing", "crl-missing"}, anyOf},
	{"owner", []string{"owner"}, sameChown},
}

func anyOf(_, _ Finding) bool { return true }

func sameFiles(cause, f Finding) bool { return slices.Contains(cause.about, f.File) }

func worthWarning(_, f Finding) bool { return f.Level != Note }

func refusedToo(cause, _ Finding) bool { return cause.Level == Error }

// sameChown reports whether two owners are wrong in the same way, so that one command fixes both.
func sameChown(cause, f Finding) bool {
	command, _, ok := chownOf(cause)
	other, _, same := chownOf(f)
	return ok && same && command == other && cause.Text == f.Text
}

// chownOf splits the fix of an owner into the command and its path.
func chownOf(f Finding) (command, path string, ok bool) {
	command, rest, _ := strings.Cut(f.Fix, " ")
	if after, ok := strings.CutPrefix(rest, "-h "); ok {
		command, rest = command+" -h", after
	}
	owner, path, ok := strings.Cut(rest, " ")
	if !ok || command != "chown" && command != "chown -h" || strings.Contains(path, " && ") {
		return "", "", false
	}
	return command + " " + owner, path, true
}

// Causes marks each finding that follows from another one, and counts them at that one. A
// cause that has the same fix for all of them gets the command that does it at once.
func Causes(found []*Finding) {
	for i, cause := range found {
		if cause.Cause != "" {
			continue
		}
		for _, c := range consequences {
			if c.cause != cause.ID {
				continue
			}
			for j, f := range found {
				if i != j && f.Cause == "" && f.Followers == 0 && slices.Contains(c.follows, f.ID) && c.of(*cause, *f) {
					f.Cause = cause.ID
					cause.Followers++
					joinChown(cause, f)
				}
			}
		}
	}
}

// joinChown makes the fix of one owner fix another too.
func joinChown(cause, f *Finding) {
	if _, path, ok := chownOf(*f); ok && cause.ID == "owner" {
		cause.Fix += " " + path
	}
}

// Best returns the command that fixes most of the findings that are worth a warning, and their
// number. It returns none if each finding needs a command of its own.
func Best(found []Finding) (command string, fixes, of int) {
	count := make(map[string]int)
	byCause := make(map[string]string)
	for _, f := range found {
		if f.Followers > 0 {
			byCause[f.ID] = f.Fix
		}
	}
	for _, f := range found {
		if f.Level == Note {
			continue
		}
		of++
		fix := f.Fix
		if f.Cause != "" {
			fix = byCause[f.Cause]
		}
		if count[fix]++; IsCommand(fix) && count[fix] > fixes {
			command, fixes = fix, count[fix]
		}
	}
	if fixes < 2 {
		return "", 0, of
	}
	return command, fixes, of
}

// IsCommand reports whether a fix can be typed as it is printed, and is not a step in words.
func IsCommand(fix string) bool {
	word, rest, _ := strings.Cut(fix, " ")
	typed := []string{"virtpki", "chown", "chmod", "mv", "mkdir", "cp", "sed", "ssh", "restorecon", "timedatectl", "systemctl"}
	return slices.Contains(typed, word) && rest != "" && !strings.Contains(fix, "; or") && !strings.Contains(fix, "NAME")
}
