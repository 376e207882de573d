package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	"virtpki/internal/safedir"
)

// Action is the kind of a change.
type Action string

// The actions.
const (
	Create  Action = "create"  // a file or directory that was not there
	Replace Action = "replace" // a file whose contents differ
	Adjust  Action = "adjust"  // only mode or owner
	Remove  Action = "remove"  // a file that was there
)

// Owner is the numeric owner of a file.
type Owner = safedir.Owner

// Refusal is the error for a file that is not written because a stranger could
// exchange something on the way to it.
type Refusal = safedir.Refusal

// Change is one difference between the disk and the plan.
type Change struct {
	Action Action      `json:"action"`
	Path   string      `json:"path"`
	Dir    bool        `json:"dir,omitempty"`
	Mode   fs.FileMode `json:"-"`
	Owner  *Owner      `json:"-"` // nil keeps the owner that is there, or the caller's for a new file

	data    []byte
	was     *state // nil when nothing was there
	adopted bool   // a directory that the lock has made already
}

// Data returns the new contents of a file. It is nil for a directory, and where only mode or
// owner change. It may be a private key.
func (c Change) Data() []byte { return c.data }

// state holds the attributes of an entry when the plan was made.
type state struct {
	mode  fs.FileMode
	owner Owner
}

// Plan is a list of changes, in the order in which they will be made. The zero
// value is an empty plan.
type Plan struct {
	changes   []Change
	dirs      map[string]bool // directories this plan has looked at
	adopted   map[string]bool // directories made by taking the lock
	planned   map[string]int  // path to the last change there
	swaps     []string        // directories whose files take effect together
	weaker    []string
	tree      Tree
	guarded   []string // directories whose files no stranger may exchange, secret or not
	spoilt    error    // of a statement that failed, outside of [Plan.Attempt]
	trusted   map[place]bool
	overLinks bool
}

// place is a directory and an owner for which the plan has allowed a private key or a guarded
// file. The plan checks it once: Apply checks again, in the directory that it opens.
type place struct {
	folder string
	owner  Owner
}

// In states that the plan is for the files of a tree.
func (p *Plan) In(t Tree) { p.tree = t }

// Tree returns the tree that the plan is for.
func (p *Plan) Tree() Tree { return p.tree }

// Guard states that all files below a directory need the protection of a private key: the
// records of a CA, say.
func (p *Plan) Guard(folder string) {
	if !slices.Contains(p.guarded, folder) {
		p.guarded = append(p.guarded, folder)
	}
}

// policyIn returns how far a directory must be trusted for the files that the plan puts into it.
func (p *Plan) policyIn(folder string) safedir.Policy {
	return p.policyOf(func(c Change) bool { return c.folder() == folder })
}

// policyOfSwap returns how far a directory must be trusted if its files change together.
func (p *Plan) policyOfSwap(folder string) safedir.Policy {
	return p.policyOf(func(c Change) bool { return p.swapOf(c) == folder })
}

func (p *Plan) policyOf(concerned func(Change) bool) (sum safedir.Policy) {
	for _, c := range p.changes {
		if !concerned(c) || !c.secret() && !p.guards(c.Path) {
			continue
		}
		if sum.Secret && (sum.Owner == nil || c.Owner == nil || sum.Owner.UID != c.Owner.UID) {
			return safedir.Policy{Secret: true} // no owner may read the files of the others
		}
		sum = safedir.Policy{Secret: true, Owner: c.Owner}
	}
	return sum
}

func (p *Plan) guards(path string) bool {
	return slices.ContainsFunc(p.guarded, func(folder string) bool { return isBelow(folder, path) })
}

func isBelow(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}

// Secret reports whether a file holds a private key.
func (c Change) secret() bool { return bytes.Contains(c.data, []byte("PRIVATE KEY-----")) }

func (p *Plan) weaken(format string, args ...any) {
	p.weaker = append(p.weaker, fmt.Sprintf(format, args...))
}

// Together states that the files that the plan replaces below a directory take effect in one
// instant: a key and its certificate, say. The old files are kept; see [Previous] and
// [Rollback]. Several directories follow each other in the order in which they are named. A
// directory that the plan makes appears with all its planned contents, or not at all.
func (p *Plan) Together(folder string) {
	if !slices.Contains(p.swaps, folder) {
		p.swaps = append(p.swaps, folder)
	}
}

// Weaker says, after Apply, where that was not possible, and why.
func (p *Plan) Weaker() []string { return p.weaker }

// OverLinks states that a file takes the place of a link, which else is an error. The target of
// the link stays as it is, and so does the link if its target holds the same data already.
func (p *Plan) OverLinks() { p.overLinks = true }

// Adopt tells the plan which directories were made for a lock file. The plan counts them as
// missing and makes them its own.
func (p *Plan) Adopt(lock *Lock) {
	if p.adopted == nil {
		p.adopted = make(map[string]bool)
	}
	for _, folder := range lock.made {
		p.adopted[folder] = true
	}
}

// Changes returns the changes that the plan would make; none means the disk is as it should be.
func (p *Plan) Changes() []Change { return p.changes }

// Add adds the changes that another plan has made, for the report.
func (p *Plan) Add(made []Change) { p.changes = append(p.changes, made...) }

// Parents states that a directory and its parents exist. Existing ones stay as they are; missing
// ones get this mode.
func (p *Plan) Parents(folder string, mode fs.FileMode, owner *Owner) error {
	_, err := p.tree.Stat(folder)
	switch {
	case p.dirs[folder], err == nil && !p.adopted[folder]:
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return p.spoil(err)
	}
	if above := filepath.Dir(folder); above != folder {
		if err := p.Parents(above, mode, owner); err != nil {
			return err
		}
	}
	return p.Dir(folder, mode, owner)
}

// Dir states that path is a directory with this mode. Its parents are not implied.
func (p *Plan) Dir(path string, mode fs.FileMode, owner *Owner) error {
	return p.spoil(p.dir(path, mode, owner))
}

func (p *Plan) dir(path string, mode fs.FileMode, owner *Owner) error {
	if p.dirs[path] {
		return nil
	}
	change := Change{Action: Create, Path: path, Dir: true, Mode: mode, Owner: owner, adopted: p.adopted[path]}
	info, err := p.tree.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && p.tree.Exists(path):
		return p.tree.missing(path, err)
	case errors.Is(err, fs.ErrNotExist), change.adopted:
		p.add(change)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s: not a directory", path)
	default:
		p.adjust(change, stateOf(info))
	}
	if p.dirs == nil {
		p.dirs = make(map[string]bool)
	}
	p.dirs[path] = true
	return nil
}

// File states that path is a regular file with these contents and this mode. Its directory must
// exist, or come earlier in the plan. A link at path is an error: renaming over it would cut a
// connection that somebody made. See [Plan.OverLinks].
func (p *Plan) File(path string, data []byte, mode fs.FileMode, owner *Owner) error {
	return p.spoil(p.file(path, data, mode, owner))
}

func (p *Plan) file(path string, data []byte, mode fs.FileMode, owner *Owner) error {
	change := Change{Action: Create, Path: path, Mode: mode, Owner: owner, data: data}
	if err := p.refuse(change); err != nil {
		return err
	}
	info, err := p.tree.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		p.add(change)
		return nil
	}
	if err != nil {
		return err
	}
	if target, err := p.tree.Readlink(path); err == nil {
		return p.overLink(change, target, stateOf(info))
	}
	same, err := p.tree.holds(path, info, data)
	if err != nil {
		return err
	}
	if same {
		p.adjust(change, stateOf(info))
		return nil
	}
	change.Action, change.was = Replace, stateOf(info)
	p.add(change)
	return nil
}

// refuse returns an error when a private key would go where a stranger can exchange it. A
// directory that does not exist yet is judged by its nearest parent that does.
func (p *Plan) refuse(c Change) error {
	if !c.secret() && !p.guards(c.Path) {
		return nil
	}
	here := place{folder: c.folder()}
	if c.Owner != nil {
		here.owner = *c.Owner
	}
	if p.trusted[here] {
		return nil
	}
	want := safedir.Policy{Secret: true, Owner: c.Owner}
	for folder := here.folder; ; folder = filepath.Dir(folder) {
		d, err := p.tree.OpenDir(folder, want)
		if err == nil {
			p.trust(here)
			return d.Close()
		}
		if r := (*Refusal)(nil); errors.As(err, &r) || folder == filepath.Dir(folder) {
			return err
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil // the code that opens it reports the error
		}
		want.Owner = nil
	}
}

func (p *Plan) trust(here place) {
	if p.trusted == nil {
		p.trusted = make(map[place]bool)
	}
	p.trusted[here] = true
}

// Remove states that path does not exist.
func (p *Plan) Remove(path string) error {
	return p.spoil(p.remove(path))
}

func (p *Plan) remove(path string) error {
	info, err := p.tree.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = safedir.Regular(path, info)
	}
	if err != nil {
		return err
	}
	p.add(Change{Action: Remove, Path: path, Mode: info.Mode().Perm()})
	return nil
}

// holds reports whether a file has these contents. It is read only when its size
// is the same.
func (t Tree) holds(path string, info fs.FileInfo, data []byte) (bool, error) {
	if err := safedir.Regular(path, info); err != nil {
		return false, err
	}
	if info.Size() != int64(len(data)) {
		return false, nil
	}
	there, err := t.ReadFile(path, MaxPEM)
	return bytes.Equal(there, data), err
}

// Keep states the contents of a file as [Plan.File] does, and leaves the mode
// and owner of a file that is there as they are.
func (p *Plan) Keep(path string, data []byte, mode fs.FileMode, owner *Owner) error {
	info, err := p.tree.Stat(path)
	switch {
	case err == nil:
		was := stateOf(info)
		mode, owner = was.mode, &was.owner
	case !errors.Is(err, fs.ErrNotExist):
		return p.spoil(err)
	}
	return p.File(path, data, mode, owner)
}

// KeepLike states that path holds data, with the mode and owner of another file: a copy must not
// be easier to read than its original.
func (p *Plan) KeepLike(path, other string, data []byte) error {
	info, err := p.tree.Stat(other)
	if err != nil {
		return p.spoil(err)
	}
	was := stateOf(info)
	return p.File(path, data, was.mode, &was.owner)
}

// adjust adds change if mode or owner differ from those on disk.
func (p *Plan) adjust(change Change, was *state) {
	sameOwner := change.Owner == nil || *change.Owner == was.owner
	if was.mode == change.Mode && sameOwner {
		return
	}
	change.Action, change.was = Adjust, was
	p.add(change)
}

// Add adds a change, unless the plan has the same already.
func (p *Plan) add(change Change) {
	if i, ok := p.planned[change.Path]; ok && p.changes[i].same(change) {
		return
	}
	if p.planned == nil {
		p.planned = make(map[string]int)
	}
	p.planned[change.Path] = len(p.changes)
	p.changes = append(p.changes, change)
}

func (c Change) same(other Change) bool {
	sameOwner := c.Owner == other.Owner || c.Owner != nil && other.Owner != nil && *c.Owner == *other.Owner
	return c.Action == other.Action && c.Dir == other.Dir && c.Mode == other.Mode && sameOwner && bytes.Equal(c.data, other.data)
}

// stateOf returns the attributes that show a difference and undo a change.
func stateOf(info fs.FileInfo) *state {
	was := &state{mode: info.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		was.owner = Owner{UID: int(sys.Uid), GID: int(sys.Gid)}
	}
	return was
}

// folder returns the directory of a change, which also holds its temporary file.
func (c Change) folder() string { return filepath.Dir(c.Path) }
