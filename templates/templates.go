// Package templates writes the files that run virtpki unattended: a systemd service with its
// timer, a line for /etc/cron.d, user-data for cloud-init, and an Ansible role with its playbooks.
//
// The texts lie beside this file as text/template sources. The package quotes each value of a
// caller for systemd, cron or a shell, so that the program gets exactly the intended arguments. A
// value without a safe spelling (a line break, another control character, bytes that are not
// UTF-8) is an error.
package templates

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"path"
	"slices"
	"strings"
	"text/template"

	"virtpki/internal/termtext"
)

// Renewal describes how to run `virtpki renew` on a machine. None of its fields is read from the
// calling machine.
type Renewal struct {
	// Command is the program, by its absolute path, and its arguments.
	Command []string
	// Passphrase is the absolute path of the file that opens the CA's key, or empty. The functions
	// add --passphrase-file to the command themselves, because under systemd the program gets a
	// copy of the file.
	Passphrase string
	// Writable lists the directories that the command writes into, by absolute path. systemd makes
	// everything else read-only to the command. A directory includes everything below it. If the
	// command renames a directory, list its parent instead.
	Writable []string
	// Device is the absolute path of the device that the command opens; empty for none.
	Device string
	// After lists units. The service starts after them if they start too.
	After []string
	// Network says that a CA is reached over the network.
	Network bool
	// Before lists units. They start after the service of [Watch] if they start too.
	Before []string
	// Calendar is when the timer elapses, in the syntax of systemd.time(7), such as "daily" or
	// "Mon *-*-* 04:00:00 Europe/London".
	Calendar string
	// Delay is the longest random delay of the timer, a time span in the syntax of
	// systemd.time(7) such as "30m"; empty is none.
	Delay string
	// Host is a name that differs from machine to machine. It decides the minute of the crontab
	// line, so that the machines of a fleet do not all run at once.
	Host string
}

//go:embed *.tmpl
var files embed.FS

// functions are the functions that the texts call.
var functions = template.FuncMap{
	"unitWord": unitWord,
	"unitArg":  unitArg,
	"percent":  doublePercent,
	"cronArg":  cronArg,
	"sh":       termtext.ShellWord,
	"rest":     func(words []string) []string { return words[1:] },
}

// Service returns the unit that runs the command once, as root, with no more rights than it needs.
// It needs systemd 247 (Debian 11, RHEL 9) or newer.
func Service(r Renewal) ([]byte, error) {
	if err := r.checkUnit(); err != nil {
		return nil, err
	}
	return execute("virtpki-renew.service.tmpl", r)
}

// Watch returns the unit that keeps the command running, as root, with no more rights than it
// needs. The command reports by sd_notify(3) when it is ready. The unit creates the first of the
// writable directories if it is missing.
func Watch(r Renewal) ([]byte, error) {
	if len(r.Writable) == 0 {
		return nil, errors.New("the service writes nowhere")
	}
	if err := r.checkUnit(); err != nil {
		return nil, err
	}
	return execute("virtpki-watch.service.tmpl", r)
}

// Timer returns the unit that starts the service, under the same name.
func Timer(r Renewal) ([]byte, error) {
	if err := r.checkTimer(); err != nil {
		return nil, err
	}
	return execute("virtpki-renew.timer.tmpl", r)
}

// Crontab returns a file for /etc/cron.d: one run each night, at a minute that Host decides.
func Crontab(r Renewal) ([]byte, error) {
	if r.Passphrase != "" {
		r.Command = append(append([]string{}, r.Command...), "--passphrase-file", r.Passphrase)
	}
	if err := r.checkCron(); err != nil {
		return nil, err
	}
	return execute("virtpki.cron.tmpl", r)
}

// execute parses and fills one text. It parses here and not at the start of the program, because
// nearly all runs need none of the texts.
func execute(name string, data any) ([]byte, error) {
	text, err := template.New(name).Funcs(functions).ParseFS(files, name, "sandbox.tmpl")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := text.Execute(&b, data); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Minute returns the minute of the crontab line, 0 to 59.
func (r Renewal) Minute() uint32 {
	sum := fnv.New32a()
	sum.Write([]byte(r.Host))
	return sum.Sum32() % 60
}

func (r Renewal) checkCommand() error {
	if len(r.Command) == 0 || !path.IsAbs(r.Command[0]) {
		return errors.New("the command does not begin with the absolute path of a program")
	}
	return printable(append([]string{r.Passphrase}, r.Command...)...)
}

func (r Renewal) checkUnit() error {
	if err := r.checkCommand(); err != nil {
		return err
	}
	if err := printable(slices.Concat(r.After, r.Before, r.Writable)...); err != nil {
		return err
	}
	for _, folder := range r.Writable {
		if !path.IsAbs(folder) || path.Clean(folder) == "/" {
			return fmt.Errorf("a service cannot be given %q to write into", folder)
		}
	}
	if r.Passphrase != "" && (!path.IsAbs(r.Passphrase) || strings.ContainsAny(r.Passphrase, "\\\"' \t:")) {
		return fmt.Errorf("%q has no safe spelling as a credential of a unit (absolute, without spaces, quotes, colons and backslashes)", r.Passphrase)
	}
	return nil
}

// calendarText contains the characters of calendar expressions and time spans in systemd.time(7),
// including the names of time zones.
const calendarText = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 *-:,./~_+"

func (r Renewal) checkTimer() error {
	if r.Calendar == "" {
		return errors.New("no time for the timer")
	}
	for _, value := range []string{r.Calendar, r.Delay} {
		if strings.Trim(value, calendarText) != "" || strings.TrimSpace(value) != value {
			return fmt.Errorf("%q is not a time of systemd's", value)
		}
	}
	return nil
}

func (r Renewal) checkCron() error {
	if err := r.checkCommand(); err != nil {
		return err
	}
	for _, word := range r.Command {
		if strings.Contains(word, `\`) {
			return fmt.Errorf("%q holds a backslash, which not every cron handles alike", word)
		}
	}
	return nil
}
