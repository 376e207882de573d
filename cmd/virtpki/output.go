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

// result is what a command has found, in words; as JSON it is itself, or what its method
// JSON returns.
type result interface{ Text() termtext.Text }

// colour gives results and errors their colours, as --color says for each stream.
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

// printResult prints a result, in words or as JSON.
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

// printVerdict is printResult for what the exit status says too: --quiet is heeded.
func (e *env) printVerdict(g *globals, r result) error {
	if g.quiet && !g.json {
		return nil
	}
	return e.printResult(g, r)
}

// warn tells people something on stderr that is no error.
func (e *env) warn(format string, args ...any) {
	text := termtext.Sprintf("virtpki: %s\n", termtext.Text(termtext.Sprintf(format, args...)))
	if e.paint != nil {
		text = e.paint(text)
	}
	io.WriteString(e.stderr, text)
}

// sayError prints an error, and what to do about it if it knows; hinted is
// whether it does.
func (e *env) sayError(err error) (hinted bool) {
	e.warn("error: %v", err)
	text, hinted := hint.Of(err)
	if hinted {
		e.warn("hint: %s", text)
	}
	return hinted
}

// runOptions are how the flags have a change gone about.
func (e *env) runOptions(g *globals, folders []string) change.Options {
	return change.Options{Lock: folders, DryRun: g.dryRun, Track: e.changes}
}

// carryOut decides and applies, for a command that goes on afterwards and tells itself.
func (e *env) carryOut(ctx context.Context, g *globals, folders []string, decide func(*change.Job) error) (*change.Job, error) {
	return change.Run(ctx, g.Machine, e.runOptions(g, folders), decide)
}

// change runs the steps shared by every command that writes files: it decides, applies
// and tells.
func (e *env) change(ctx context.Context, g *globals, folders []string, decide func(*change.Job) error) error {
	j, err := e.carryOut(ctx, g, folders, decide)
	if err != nil {
		return err
	}
	return e.tellWith(g, j, unmet(j))
}

// unmet is the error of a job that has not done all that was asked for.
func unmet(j *change.Job) error {
	if len(j.Unmet) > 0 {
		return hint.ErrRefused
	}
	return nil
}

// tell prints what was done, or with --dry-run what would be. A log names every file; on a
// terminal --verbose does.
func (e *env) tell(g *globals, j *change.Job) error {
	if g.json {
		return e.printJSON(j.Result(e.here.Now()))
	}
	notes := j.Unmet // those are why the run fails
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
	return nil
}

// newKeyring is the keyring of a command: the passphrase is read from the file that the
// flags name, else it is asked for.
func (e *env) newKeyring(g *globals) *change.Keyring {
	k := change.NewKeyring(g.Tree(), func(prompt string) ([]byte, error) { return e.secret(g.passphraseFile, prompt) })
	k.Passphrase, k.Given = g.passphrase, g.passphraseFile != ""
	k.DryRun, k.Devices = g.dryRun, e.devicesOf(g)
	return k
}
