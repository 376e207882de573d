package main

import (
	"context"
	"fmt"

	"virtpki/internal/certinfo"
	"virtpki/internal/change"
	"virtpki/internal/store"
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
		return e.printJSON(e.reportOf(j))
	}
	if g.quiet {
		return nil
	}
	for _, c := range j.Plan.Changes() {
		termtext.Fprintf(e.stdout, "%s\n", changeLine(c, g.dryRun))
	}
	if len(j.Plan.Changes())+len(j.Done) == 0 {
		termtext.Fprintf(e.stdout, "nothing to do\n")
	}
	for _, p := range j.Made {
		termtext.Fprintf(e.stdout, "%s\n", e.summary(p))
	}
	for _, p := range j.Found {
		termtext.Fprintf(e.stdout, "found %s\n", e.summary(p))
	}
	for _, line := range j.Done {
		if g.dryRun {
			line = "would say: " + line
		}
		termtext.Fprintf(e.stdout, "%s\n", termtext.Text(line))
	}
	for _, note := range j.Notes {
		e.warn("%s", termtext.Text(note))
	}
	return nil
}

// changeReport is the JSON form of what was done; it is stable.
type changeReport struct {
	Changes      []store.Change  `json:"changes"`
	Certificates []certinfo.Info `json:"certificates"` // made
	Found        []certinfo.Info `json:"found"`        // there already, and taken
	Revoked      []certinfo.Info `json:"revoked,omitempty"`
	Done         []string        `json:"done"`
	Notes        []string        `json:"notes"`
}

func (e *env) reportOf(j *change.Job) changeReport {
	r := changeReport{Changes: []store.Change{}, Certificates: []certinfo.Info{}, Found: []certinfo.Info{}, Done: []string{}, Notes: []string{}}
	r.Changes = append(r.Changes, j.Plan.Changes()...)
	r.Done, r.Notes = append(r.Done, j.Done...), append(r.Notes, j.Notes...)
	for _, p := range j.Made {
		r.Certificates = append(r.Certificates, certinfo.Of(p.Cert, p.Path, e.here.Now()))
	}
	for _, p := range j.Found {
		r.Found = append(r.Found, certinfo.Of(p.Cert, p.Path, e.here.Now()))
	}
	for _, p := range j.Revoked {
		r.Revoked = append(r.Revoked, certinfo.Of(p.Cert, p.Path, e.here.Now()))
	}
	return r
}

var actionWords = map[store.Action][2]string{
	store.Create:  {"created ", "would create "},
	store.Replace: {"replaced", "would replace"},
	store.Adjust:  {"adjusted", "would adjust "},
	store.Remove:  {"removed ", "would remove "},
}

func changeLine(c store.Change, dryRun bool) string {
	word := actionWords[c.Action][0]
	if dryRun {
		word = actionWords[c.Action][1]
	}
	name := c.Path
	if c.Dir {
		name += "/"
	}
	return fmt.Sprintf("%s %04o %s", word, c.Mode.Perm(), name)
}

// summary is one line about a certificate that was made.
func (e *env) summary(p change.Placed) string {
	info := certinfo.Of(p.Cert, p.Path, e.here.Now())
	line := fmt.Sprintf("%-6s %s until %s (%d days)", info.RoleText(), info.DN, termtext.Day(info.NotAfter), info.DaysLeft)
	if names := info.Names(); names != "" {
		line += " for " + names
	}
	return line
}

// newKeyring is the keyring of a command: the passphrase is read from the file that the
// flags name, else it is asked for.
func (e *env) newKeyring(g *globals) *change.Keyring {
	k := change.NewKeyring(g.Tree(), func(prompt string) ([]byte, error) { return e.secret(g.passphraseFile, prompt) })
	k.Passphrase, k.Given = g.passphrase, g.passphraseFile != ""
	return k
}
