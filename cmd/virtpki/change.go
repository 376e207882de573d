package main

import (
	"context"

	"virtpki/internal/change"
	"virtpki/internal/termtext"
)

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
	return e.tell(g, j)
}

// tell prints what was done, or with --dry-run what would be.
func (e *env) tell(g *globals, j *change.Job) error {
	if g.json {
		return e.printJSON(j.Result(e.here.Now()))
	}
	if g.quiet {
		return nil
	}
	termtext.Fprintf(e.stdout, "%s", j.Text(g.dryRun, e.here.Now()))
	for _, note := range j.Notes {
		e.warn("%s", termtext.Text(note))
	}
	return nil
}

// newKeyring is the keyring of a command: the passphrase is read from the file that the
// flags name, else it is asked for.
func (e *env) newKeyring(g *globals) *change.Keyring {
	k := change.NewKeyring(g.Tree(), func(prompt string) ([]byte, error) { return e.secret(g.passphraseFile, prompt) })
	k.Passphrase, k.Given = g.passphrase, g.passphraseFile != ""
	return k
}
