package templates

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"virtpki/internal/termtext"
)

// printable refuses what no unit and no crontab can hold: line breaks end a
// setting, systemd drops lines that are not UTF-8, and other control characters
// are nothing that an administrator could see.
func printable(values ...string) error {
	for _, value := range values {
		if !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }) {
			return fmt.Errorf("%q holds a character that cannot be printed", value)
		}
	}
	return nil
}

// plain are the characters that mean themselves to systemd and to a shell.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@+=:,./-"

func isPlain(s string) bool { return s != "" && strings.Trim(s, plain) == "" }

func doublePercent(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// unitWord writes one word of a setting that is a list, and the program of
// ExecStart: quoted as systemd.syntax(7) has it, and with % doubled, which begins
// a specifier (systemd.unit(5)).
func unitWord(s string) string {
	if isPlain(s) {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(s) + `"`
}

// unitArg writes one argument of ExecStart, where $ begins a variable as well
// (systemd.service(5), "COMMAND LINES").
func unitArg(s string) string { return strings.ReplaceAll(unitWord(s), "$", "$$") }

// cronArg writes one word of a command in a crontab: quoted for the shell, and then
// with a backslash before each %, which cron takes away; a bare one would end the
// command (crontab(5)).
func cronArg(s string) string { return strings.ReplaceAll(termtext.ShellWord(s), "%", `\%`) }
