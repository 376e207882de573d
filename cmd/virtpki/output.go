package main

import (
	"context"
	"io"
	"slices"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/program"
	"virtpki/internal/termtext"
)

// printJSON writes v to stdout, indented, with a newline at the end.
func (e *env) printJSON(v any) error {
	data, err := termtext.Encode(v)
	if err == nil {
		_, err = e.stdout.Write(data)
	}
	return err
}

// result is the result of a command as text for people. Its JSON form is the value itself, or the
// value that its method JSON returns.
type result interface{ Text() termtext.Text }

// colour gives results and errors their colours, as --color decides for each stream.
func (e *env) colour(when string) {
	paint := func(stream any) func(string) string {
		if program.Colours(stream, when) {
			return termtext.Coloured
		}
		return nil
	}
	if out, ok := e.stdout.(*program.Output); ok {
		out.Paint = paint(out)
	}
	e.paint = paint(e.stderr)
}

// printResult prints a result, as text or as JSON.
func (e *env) printResult(g *globals, r result) error {
	if other, ok := r.(interface{ JSON() any }); ok && g.json {
		return e.printJSON(other.JSON())
	}
	if g.json {
		return e.printJSON(r)
	}
	_, err := termtext.Fprintf(e.stdout, "%s", r.Text())
	return err
}

// printVerdict prints a result that the exit status reports too. Unlike printResult it prints
// nothing with --quiet, unless --json is given.
func (e *env) printVerdict(g *globals, r result) error {
	if g.quiet && !g.json {
		return nil
	}
	return e.printResult(g, r)
}

// warn prints a message that is not an error on stderr.
func (e *env) warn(format string, args ...any) {
	text := termtext.Sprintf("virtpki: %s\n", termtext.Text(termtext.Sprintf(format, args...)))
	if e.paint != nil {
		text = e.paint(text)
	}
	io.WriteString(e.stderr, text)
}

// sayError prints an error and its hint, if it has one. hinted reports whether it has.
func (e *env) sayError(err error) (hinted bool) {
	e.warn("error: %v", err)
	text, hinted := hint.Of(err)
	if hinted {
		e.warn("hint: %s", text)
	}
	return hinted
}

// runOptions returns the options of a change that the flags describe.
func (e *env) runOptions(g *globals, folders []string) change.Options {
	return change.Options{Lock: folders, DryRun: g.dryRun, Track: e.changes}
}

// carryOut decides and applies a change, for a command that continues afterwards and prints the
// result itself.
func (e *env) carryOut(ctx context.Context, g *globals, folders []string, decide func(*change.Job) error) (*change.Job, error) {
	return change.Run(ctx, g.Machine, e.runOptions(g, folders), decide)
}

// change runs the steps shared by every command that writes files: it decides, applies and prints
// the result.
func (e *env) change(ctx context.Context, g *globals, folders []string, decide func(*change.Job) error) error {
	j, err := e.carryOut(ctx, g, folders, decide)
	if err != nil {
		return err
	}
	return e.tellWith(g, j, unmet(j))
}

// unmet returns an error when a job has not done everything that was requested.
func unmet(j *change.Job) error {
	if len(j.Unmet) > 0 {
		return hint.ErrRefused
	}
	return nil
}

// tell prints the changes that were made, or with --dry-run those that would be. It names every
// file in a log, and on a terminal only with --verbose.
func (e *env) tell(g *globals, j *change.Job) error {
	if g.json {
		return e.printJSON(j.Result(e.here.Now()))
	}
	notes := j.Unmet // these are why the run fails
	if !g.quiet {
		text := j.Text(g.dryRun, e.here.Now())
		if !g.dryRun && !g.verbose && program.OnTerminal(e.stdout) {
			text = j.Brief(e.here.Now())
		}
		termtext.Fprintf(e.stdout, "%s", text)
		notes = slices.Concat(j.Notes, j.Unmet)
	}
	for _, note := range notes {
		e.warn("%s", termtext.Text(note))
	}
	if !g.quiet {
		termtext.Fprintf(e.stderr, "%s", j.NextText())
	}
	return nil
}

// newKeyring returns the keyring of a command. It reads the passphrase from the file that the
// flags name, or asks for it if they name none.
func (e *env) newKeyring(g *globals) *change.Keyring {
	k := change.NewKeyring(g.Tree(), func(prompt string) ([]byte, error) { return e.secret(g.passphraseFile, prompt) })
	k.Passphrase, k.Given = g.passphrase, g.passphraseFile != ""
	k.DryRun, k.Devices = g.dryRun, e.devicesOf(g)
	return k
}
