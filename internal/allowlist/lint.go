package allowlist

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/dn"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

// Row is one finding about a list or a configuration; its JSON form is stable.
type Row struct {
	ID       string `json:"id"`
	Severity string `json:"severity"` // error, warning, note
	Where    string `json:"where,omitempty"`
	Pattern  string `json:"pattern,omitempty"`
	Reason   string `json:"reason"`
	Fix      string `json:"fix,omitempty"`
}

// Rows returns advice as findings. where is the place of the list; empty for a typed one.
func Rows(where string, advice []dn.Advice) []Row {
	var rows []Row
	for _, a := range advice {
		rows = append(rows, Row{a.ID, a.Severity.String(), where, a.Pattern, a.Reason, a.Fix})
	}
	return rows
}

// Lint returns the errors and surprises in arguments of a user: a file is a daemon's
// configuration, everything else a pattern.
func Lint(args []string) (Findings, error) {
	rows := Findings{}
	var patterns []string
	for _, arg := range args {
		if info, err := os.Stat(arg); err != nil || info.IsDir() {
			if looksLikePath(arg) {
				return nil, fmt.Errorf("%s is not a file", termtext.QuoteShort(arg))
			}
			patterns = append(patterns, arg)
			continue
		}
		found, err := LintConf(arg)
		if err != nil {
			return nil, err
		}
		rows = append(rows, found...)
	}
	if patterns != nil {
		rows = append(rows, Rows("", dn.Lint(patterns))...)
	}
	return rows, nil
}

// looksLikePath distinguishes a missing file from a pattern: a DN has an "=", and a path mostly
// does not.
func looksLikePath(arg string) bool {
	return strings.HasSuffix(arg, ".conf") || strings.Contains(arg, "/") && !strings.Contains(arg, "=")
}

// Findings is a list of findings; their JSON form is stable.
type Findings []Row

// Refused reports whether a list with these findings should not be used: one is an error, or
// with strict a warning.
func (found Findings) Refused(strict bool) bool {
	return slices.ContainsFunc(found, func(r Row) bool {
		return r.Severity == dn.Error.String() || strict && r.Severity == dn.Warning.String()
	})
}

// LintConf checks the lists of a daemon's configuration. A configuration with which the daemon
// does not start is one finding.
func LintConf(path string) ([]Row, error) {
	file, err := ReadConf(store.Tree{}, path)
	if err != nil {
		return confRefused(path, err)
	}
	rows := append(duplicates(path, file), unknownSettings(path, file)...)
	if v, ok := file.Lookup("tls_no_verify_certificate"); ok && v.Int() == 1 {
		rows = append(rows, Row{ID: "no-verify", Severity: dn.Error.String(), Where: path,
			Reason: "tls_no_verify_certificate is 1: every client is admitted, whatever the list and the CRL say",
			Fix:    "tls_no_verify_certificate = 0"})
	}
	if v, ok := file.Lookup(libvirt.AllowedDNs); ok {
		rows = append(rows, Rows(place(path, file, libvirt.AllowedDNs), dn.Lint(v.List()))...)
	}
	if v, ok := file.Lookup(libvirt.AllowedUsers); ok {
		rows = append(rows, Rows(place(path, file, libvirt.AllowedUsers), lintUsers(v.List()))...)
	}
	return rows, nil
}

// confRefused returns the only finding about a configuration that the daemon does not read.
func confRefused(path string, err error) ([]Row, error) {
	var confErr *conf.Error
	if !errors.As(err, &confErr) {
		return nil, err
	}
	return []Row{{ID: "no-start", Severity: dn.Error.String(),
		Where: fmt.Sprintf("%s:%d:%d", path, confErr.Line, confErr.Column), Reason: "the daemon does not start: " + confErr.Msg}}, nil
}

// duplicates finds repeated settings, which libvirt silently ignores.
func duplicates(path string, file *conf.File) []Row {
	rows := []Row{}
	for _, d := range file.Duplicates() {
		rows = append(rows, Row{ID: "duplicate", Severity: dn.Warning.String(),
			Where:  fmt.Sprintf("%s:%d", path, d.Lines[1]),
			Reason: fmt.Sprintf("%s is set on lines %s; libvirt uses the first and ignores the rest", d.Name, termtext.Join(d.Lines)),
			Fix:    "keep one of them"})
	}
	return rows
}

// unknownSettings finds names that libvirt silently ignores.
func unknownSettings(path string, file *conf.File) []Row {
	var rows []Row
	for _, u := range judge.UnknownSettings(file, filepath.Base(path) == "qemu.conf") {
		rows = append(rows, Row{ID: u.ID, Severity: string(u.Level), Where: place(path, file, u.Name), Reason: u.Name + ": " + u.Text, Fix: u.Right})
	}
	return rows
}

func place(path string, file *conf.File, name string) string {
	return fmt.Sprintf("%s:%d", path, file.Line(name))
}

// userAdvice is the advice that makes sense for names of SASL users, which match like DNs but
// are not DNs.
var userAdvice = []string{"empty-list", "empty", "invalid-utf8", "everyone", "covered", "brackets", "backslash", "two-jokers"}

func lintUsers(patterns []string) []dn.Advice {
	return slices.DeleteFunc(dn.Lint(patterns), func(a dn.Advice) bool { return !slices.Contains(userAdvice, a.ID) })
}
