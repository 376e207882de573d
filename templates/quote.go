package templates

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"virtpki/internal/termtext"
)

// printable refuses characters that units and crontabs cannot hold. Line breaks end a setting,
// systemd drops lines that are not UTF-8, and other control characters would be invisible to an
// administrator.
func printable(values ...string) error {
	for _, value := range values {
		if !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }) {
			return fmt.Errorf("%q contains a character that cannot be printed", value)
		}
	}
	return nil
}

// plain contains the characters that have no special meaning to systemd or a shell.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@+=:,./-"

func isPlain(s string) bool { return s != "" && strings.Trim(s, plain) == "" }

func doublePercent(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// unitWord writes one word of a setting that is a list, or the program of ExecStart. It quotes the
// word as systemd.syntax(7) describes, and doubles each %, which begins a specifier
// (systemd.unit(5)).
func unitWord(s string) string {
	if isPlain(s) {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(s) + `"`
}

// unitArg writes one argument of ExecStart, where $ begins a variable as well (systemd.service(5),
// "COMMAND LINES").
func unitArg(s string) string { return strings.ReplaceAll(unitWord(s), "$", "$$") }

// cronArg writes one word of a command in a crontab. It quotes the word for the shell and then
// puts a backslash before each %. cron removes the backslash; a bare % would end the command
// (crontab(5)).
func cronArg(s string) string { return strings.ReplaceAll(termtext.ShellWord(s), "%", `\%`) }
