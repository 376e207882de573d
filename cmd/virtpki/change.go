package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"syscall"

	"virtpki/internal/certinfo"
	"virtpki/internal/hint"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// job is what a command has decided: how the disk shall be, and what to tell.
type job struct {
	plan store.Plan
	told
}

// told is what a job tells people, and what it has taken note of elsewhere.
type told struct {
	made  []placed // certificates, for the summary
	found []placed // those that were there and are taken
	// revoked are those that a new CRL names, or an earlier one did.
	revoked []placed
	done    []string // what else was done or proven
	notes   []string // what people should know or do next
	undo    []func() // takes back what the decision has changed besides
}

// placed is a certificate with the path at which it lies or will lie.
type placed struct {
	cert *x509.Certificate
	path string
}

// newJob begins a job for the files below --root.
func newJob(m *machine.Machine) *job {
	j := &job{}
	j.plan.In(m.Tree())
	return j
}

func (j *job) did(format string, args ...any) {
	j.done = append(j.done, termtext.Sprintf(format, args...))
}

func (j *job) note(format string, args ...any) {
	j.notes = append(j.notes, termtext.Sprintf(format, args...))
}

// attempt plans what decide decides, whole or not at all: when decide fails, the job
// is as it was. A loop that goes on after an error calls it for each item.
func (j *job) attempt(decide func() error) error {
	before := j.told
	err := j.plan.Attempt(decide)
	if err == nil {
		return nil
	}
	for _, undo := range slices.Backward(j.undo[len(before.undo):]) {
		undo()
	}
	j.told = before
	return err
}

// onFailure has the attempt that is under way call undo when it fails.
func (j *job) onFailure(undo func()) { j.undo = append(j.undo, undo) }

// noteOnce is note for what would be said again for each of many hosts.
func (j *job) noteOnce(format string, args ...any) {
	if text := termtext.Sprintf(format, args...); !slices.Contains(j.notes, text) {
		j.notes = append(j.notes, text)
	}
}

// change walks the way of every command that changes something. It decides
// once without a lock, so that bad input leaves no trace and a run with nothing
// to do writes nothing; then it takes the locks, looks and decides again, and
// applies. decide must come to the same end when called twice: keys come from
// a keyring.
func (e *env) change(ctx context.Context, g *globals, folders []string, decide func(*job) error) error {
	j, err := e.carryOut(ctx, g, folders, decide)
	if err != nil {
		return err
	}
	return e.tell(g, j)
}

// carryOut is change for a command that goes on afterwards and tells itself.
func (e *env) carryOut(ctx context.Context, g *globals, folders []string, decide func(*job) error) (*job, error) {
	before := g.Tree().Marks(folders...)
	j := newJob(g.Machine)
	if err := decide(j); err != nil {
		if !g.dryRun && (g.Tree().Interrupted(folders...) || g.Tree().Marks(folders...) != before) {
			return e.applyLocked(ctx, g.Machine, folders, decide) // it has seen what another run had half made
		}
		return nil, err
	}
	if g.dryRun || len(j.plan.Changes()) == 0 && !g.Tree().Interrupted(folders...) {
		return j, nil
	}
	return e.applyLocked(ctx, g.Machine, folders, decide)
}

func (e *env) applyLocked(ctx context.Context, m *machine.Machine, folders []string, decide func(*job) error) (*job, error) {
	j := newJob(m)
	for i, folder := range folders {
		lock, err := m.Tree().Acquire(ctx, folder, func() { e.warn("waiting for another run to end (%s)", folder) })
		if i > 0 && notOurs(err) {
			continue // a user's own CA: nothing is written there, or the write says so
		}
		if err != nil {
			return nil, err
		}
		defer lock.Release()
		j.plan.Adopt(lock)
	}
	if err := decide(j); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, hint.ErrInterrupted
	}
	err := e.apply(&j.plan)
	j.notes = append(j.notes, j.plan.Weaker()...)
	return j, err
}

// notOurs reports whether a lock could not be taken because this run may not
// write there.
func notOurs(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// tell prints what was done, or with --dry-run what would be.
func (e *env) tell(g *globals, j *job) error {
	if g.json {
		return e.printJSON(e.reportOf(j))
	}
	if g.quiet {
		return nil
	}
	for _, c := range j.plan.Changes() {
		termtext.Fprintf(e.stdout, "%s\n", changeLine(c, g.dryRun))
	}
	if len(j.plan.Changes())+len(j.done) == 0 {
		termtext.Fprintf(e.stdout, "nothing to do\n")
	}
	for _, p := range j.made {
		termtext.Fprintf(e.stdout, "%s\n", e.summary(p))
	}
	for _, p := range j.found {
		termtext.Fprintf(e.stdout, "found %s\n", e.summary(p))
	}
	for _, line := range j.done {
		if g.dryRun {
			line = "would say: " + line
		}
		termtext.Fprintf(e.stdout, "%s\n", termtext.Text(line))
	}
	for _, note := range j.notes {
		e.warn("%s", termtext.Text(note))
	}
	return nil
}

// report is the JSON form of what was done.
type report struct {
	Changes      []store.Change  `json:"changes"`
	Certificates []certinfo.Info `json:"certificates"` // made
	Found        []certinfo.Info `json:"found"`        // there already, and taken
	Revoked      []certinfo.Info `json:"revoked,omitempty"`
	Done         []string        `json:"done"`
	Notes        []string        `json:"notes"`
}

func (e *env) reportOf(j *job) report {
	r := report{Changes: []store.Change{}, Certificates: []certinfo.Info{}, Found: []certinfo.Info{}, Done: []string{}, Notes: []string{}}
	r.Changes = append(r.Changes, j.plan.Changes()...)
	r.Done, r.Notes = append(r.Done, j.done...), append(r.Notes, j.notes...)
	for _, p := range j.made {
		r.Certificates = append(r.Certificates, certinfo.Of(p.cert, p.path, e.here.Now()))
	}
	for _, p := range j.found {
		r.Found = append(r.Found, certinfo.Of(p.cert, p.path, e.here.Now()))
	}
	for _, p := range j.revoked {
		r.Revoked = append(r.Revoked, certinfo.Of(p.cert, p.path, e.here.Now()))
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
func (e *env) summary(p placed) string {
	info := certinfo.Of(p.cert, p.path, e.here.Now())
	line := fmt.Sprintf("%-6s %s until %s (%d days)", info.RoleText(), info.DN, termtext.Day(info.NotAfter), info.DaysLeft)
	if names := info.Names(); names != "" {
		line += " for " + names
	}
	return line
}

// keyring makes the keys of one command and remembers them, and the passphrase
// of the CA, so that deciding twice makes each key once and asks once.
type keyring struct {
	e          *env
	g          *globals
	keys       map[string]func() (crypto.Signer, error)
	passphrase []byte
}

func (e *env) newKeyring(g *globals) *keyring {
	return &keyring{e: e, g: g, passphrase: g.passphrase, keys: make(map[string]func() (crypto.Signer, error))}
}

// key returns the new key of a slot, a name that the command chooses.
func (k *keyring) key(slot string, t pki.KeyType) (crypto.Signer, error) {
	if k.keys[slot] == nil {
		k.keys[slot] = sync.OnceValues(func() (crypto.Signer, error) { return pki.GenerateKey(t) })
	}
	key, err := k.keys[slot]()
	if err != nil {
		return nil, fmt.Errorf("making the key: %w", err)
	}
	return key, nil
}

// ahead begins to make keys that will be wanted, side by side: an RSA key takes
// long, and there is more than one core.
func (k *keyring) ahead(t pki.KeyType, slots ...string) {
	for _, slot := range slots {
		begun := sync.OnceValues(func() (crypto.Signer, error) { return pki.GenerateKey(t) })
		k.keys[slot] = begun
		go guarded(func() { begun() })()
	}
}
