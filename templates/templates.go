// Package templates writes the files that run virtpki by itself: a systemd
// service with its timer, a line for /etc/cron.d, user-data for cloud-init, and an
// Ansible role with its playbooks.
//
// The texts lie beside this file as text/template sources. Whatever a caller
// puts into one is quoted as systemd, cron or a shell reads it, so that the program gets
// exactly the arguments that it was meant to get; what has no safe spelling
// there (a line break, another control character, bytes that are not UTF-8) is
// an error.
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

// Renewal says how `virtpki renew` is to run on a machine. No field is read from
// the machine that calls.
type Renewal struct {
	// Command is the program, by its absolute path, and its arguments.
	Command []string
	// Passphrase is the absolute path of the file that opens the CA's key, or
	// empty. The functions add --passphrase-file to the command by themselves,
	// because under systemd the program gets a copy.
	Passphrase string
	// Writable lists the folders that the command writes into, by absolute path;
	// systemd makes everything else read-only to it. A folder counts with all that
	// is below it. One whose name the command changes must not be listed: its
	// parent must.
	Writable []string
	// Device is the absolute path of the device that the command opens; empty for none.
	Device string
	// After lists the units after which the service starts, when they start too.
	After []string
	// Network says that a CA is asked over the network.
	Network bool
	// Before lists the units that start after the service of [Watch], when they start too.
	Before []string
	// Calendar is when the timer rings, in the syntax of systemd.time(7), such as
	// "daily" or "Mon *-*-* 04:00:00 Europe/London".
	Calendar string
	// Delay is the longest random delay of the timer, a time span in the syntax of
	// systemd.time(7) such as "30m"; empty is none.
	Delay string
	// Host is a name that differs from machine to machine. It decides the minute
	// of the crontab line, so that a fleet does not run as one.
	Host string
}

//go:embed *.tmpl
var files embed.FS

// functions are those that the texts call.
var functions = template.FuncMap{
	"unitWord": unitWord,
	"unitArg":  unitArg,
	"percent":  doublePercent,
	"cronArg":  cronArg,
	"sh":       termtext.ShellWord,
	"rest":     func(words []string) []string { return words[1:] },
}

// Service is the unit that runs the command once, as root, with no more rights
// than it needs. It needs systemd 247 (Debian 11, RHEL 9) or newer.
func Service(r Renewal) ([]byte, error) {
	if err := r.checkUnit(); err != nil {
		return nil, err
	}
	return execute("virtpki-renew.service.tmpl", r)
}

// Watch is the unit that runs the command, which stays, as root, with no more rights than it
// needs. It is told of by sd_notify(3) when it is ready. The first of the writable folders is
// made where there is none.
func Watch(r Renewal) ([]byte, error) {
	if len(r.Writable) == 0 {
		return nil, errors.New("the service writes nowhere")
	}
	if err := r.checkUnit(); err != nil {
		return nil, err
	}
	return execute("virtpki-watch.service.tmpl", r)
}

// Timer is the unit that starts the service, under the same name.
func Timer(r Renewal) ([]byte, error) {
	if err := r.checkTimer(); err != nil {
		return nil, err
	}
	return execute("virtpki-renew.timer.tmpl", r)
}

// Crontab is a file for /etc/cron.d: once a night, at a minute that Host decides.
func Crontab(r Renewal) ([]byte, error) {
	if r.Passphrase != "" {
		r.Command = append(append([]string{}, r.Command...), "--passphrase-file", r.Passphrase)
	}
	if err := r.checkCron(); err != nil {
		return nil, err
	}
	return execute("virtpki.cron.tmpl", r)
}

// execute parses and fills one text. It is parsed here and not when the program
// starts, because nearly every run of it needs none.
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

// Minute is that of the crontab line, 0 to 59.
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

// calendarText is what systemd.time(7) knows in calendar expressions and spans,
// the names of time zones included.
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
			return fmt.Errorf("%q holds a backslash, which not every cron hands on alike", word)
		}
	}
	return nil
}
