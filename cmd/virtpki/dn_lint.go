package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/dn"
	"virtpki/internal/hint"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

const dnLintHelp = `Tell what is wrong with, or surprising in, a list of DN patterns: reversed order,
spaces, brackets and backslashes that do not mean what they did, a * that lets
in more than it seems to, patterns that let in nobody or everybody.

An argument that is a file is read as a daemon's conf, by libvirt's own grammar:
what would keep the daemon from starting is an error, what it silently ignores
is a warning. tls_allowed_dn_list and sasl_allowed_username_list are looked at.
Every other argument is a pattern, but for one that looks like a file that is not
there: it ends in .conf, or has a slash and no =.

The exit status is 3 when there are errors, with --strict also for warnings.`

func newDNLint(e *env, g *globals) *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use:     "lint FILE|PATTERN...",
		Short:   "Tell what is wrong with a list",
		Long:    help(dnLintHelp, exitDone, exitError, exitUsage, exitRefused),
		Example: "  virtpki dn lint /etc/libvirt/libvirtd.conf\n  virtpki dn lint 'CN=admin,O=Example' '*CN=admin'",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return e.dnLint(g, args, strict)
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "exit 3 for warnings too")
	return cmd
}

// adviceRow is one finding; its JSON form is stable.
type adviceRow struct {
	ID       string `json:"id"`
	Severity string `json:"severity"` // error, warning, note
	Where    string `json:"where,omitempty"`
	Pattern  string `json:"pattern,omitempty"`
	Reason   string `json:"reason"`
	Fix      string `json:"fix,omitempty"`
}

func adviceRows(where string, advice []dn.Advice) []adviceRow {
	var rows []adviceRow
	for _, a := range advice {
		rows = append(rows, adviceRow{a.ID, a.Severity.String(), where, a.Pattern, a.Reason, a.Fix})
	}
	return rows
}

func (e *env) dnLint(g *globals, args []string, strict bool) error {
	rows := []adviceRow{}
	var patterns []string
	for _, arg := range args {
		if info, err := os.Stat(arg); err != nil || info.IsDir() {
			if looksLikePath(arg) {
				return fmt.Errorf("%s is no file", termtext.QuoteShort(arg))
			}
			patterns = append(patterns, arg)
			continue
		}
		found, err := lintConf(arg)
		if err != nil {
			return err
		}
		rows = append(rows, found...)
	}
	if patterns != nil {
		rows = append(rows, adviceRows("", dn.Lint(patterns))...)
	}
	return e.printAdvice(g, rows, strict)
}

// looksLikePath tells a file that is not there from a pattern: a DN has an "=", and
// a path mostly not.
func looksLikePath(arg string) bool {
	return strings.HasSuffix(arg, ".conf") || strings.Contains(arg, "/") && !strings.Contains(arg, "=")
}

// lintConf looks at the lists of a daemon's conf.
func lintConf(path string) ([]adviceRow, error) {
	file, err := readConf(store.Tree{}, path)
	if err != nil {
		return confRefused(path, err)
	}
	rows := append(duplicates(path, file), unknownSettings(path, file)...)
	if v, ok := file.Lookup("tls_no_verify_certificate"); ok && v.Int() == 1 {
		rows = append(rows, adviceRow{ID: "no-verify", Severity: dn.Error.String(), Where: path,
			Reason: "tls_no_verify_certificate is 1: everybody gets in, whatever the list and the CRL say",
			Fix:    "tls_no_verify_certificate = 0"})
	}
	if v, ok := file.Lookup(libvirt.AllowedDNs); ok {
		rows = append(rows, adviceRows(place(path, file, libvirt.AllowedDNs), dn.Lint(v.List()))...)
	}
	if v, ok := file.Lookup(libvirt.AllowedUsers); ok {
		rows = append(rows, adviceRows(place(path, file, libvirt.AllowedUsers), lintUsers(v.List()))...)
	}
	return rows, nil
}

// confRefused is the one finding about a conf that the daemon does not read.
func confRefused(path string, err error) ([]adviceRow, error) {
	var confErr *conf.Error
	if !errors.As(err, &confErr) {
		return nil, err
	}
	return []adviceRow{{ID: "no-start", Severity: dn.Error.String(),
		Where: fmt.Sprintf("%s:%d:%d", path, confErr.Line, confErr.Column), Reason: "the daemon does not start: " + confErr.Msg}}, nil
}

// duplicates finds what libvirt ignores without a word.
func duplicates(path string, file *conf.File) []adviceRow {
	rows := []adviceRow{}
	for _, d := range file.Duplicates() {
		rows = append(rows, adviceRow{ID: "duplicate", Severity: dn.Warning.String(),
			Where:  fmt.Sprintf("%s:%d", path, d.Lines[1]),
			Reason: fmt.Sprintf("%s stands on lines %s; libvirt takes the first and ignores the rest", d.Name, termtext.Join(d.Lines)),
			Fix:    "keep one of them"})
	}
	return rows
}

// unknownSettings finds names that libvirt ignores without a word.
func unknownSettings(path string, file *conf.File) []adviceRow {
	var rows []adviceRow
	for _, u := range judge.UnknownSettings(file, filepath.Base(path) == "qemu.conf") {
		rows = append(rows, adviceRow{ID: u.ID, Severity: string(u.Level), Where: place(path, file, u.Name), Reason: u.Name + ": " + u.Text, Fix: u.Right})
	}
	return rows
}

func place(path string, file *conf.File, name string) string {
	return fmt.Sprintf("%s:%d", path, file.Line(name))
}

// userAdvice is the advice that makes sense for names of SASL users, which are
// matched like DNs and are none.
var userAdvice = []string{"empty-list", "empty", "invalid-utf8", "everyone", "covered", "brackets", "backslash", "two-jokers"}

func lintUsers(patterns []string) []dn.Advice {
	return slices.DeleteFunc(dn.Lint(patterns), func(a dn.Advice) bool { return !slices.Contains(userAdvice, a.ID) })
}

func (e *env) printAdvice(g *globals, rows []adviceRow, strict bool) error {
	bad := slices.ContainsFunc(rows, func(r adviceRow) bool {
		return r.Severity == dn.Error.String() || strict && r.Severity == dn.Warning.String()
	})
	switch {
	case g.json:
		if err := e.printJSON(rows); err != nil {
			return err
		}
	case !g.quiet:
		for _, r := range rows {
			e.printAdviceRow(r)
		}
		if len(rows) == 0 {
			termtext.Fprintf(e.stdout, "nothing to say\n")
		}
	}
	if bad {
		return hint.ErrRefused
	}
	return nil
}

func (e *env) printAdviceRow(r adviceRow) {
	where := ""
	if r.Where != "" {
		where = r.Where + ": "
	}
	if r.Pattern != "" {
		where += termtext.Quote(r.Pattern) + ": "
	}
	termtext.Fprintf(e.stdout, "%s: %s%s [%s]\n", r.Severity, where, r.Reason, r.ID)
	if r.Fix != "" {
		termtext.Fprintf(e.stdout, "  write: %s\n", r.Fix)
	}
}
