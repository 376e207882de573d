package renewal

import (
	"context"
	"fmt"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
)

// originalOf finds the system's pair of which one of QEMU's is a copy. It compares the
// installed pair and, for a run that was interrupted between the two, the previous one. If a
// system's pair cannot be read, the copy may be of that one, and waits for it.
func (r *renewal) originalOf(c *candidate) *candidate {
	if c.err != nil || c.place != ofQEMU {
		return nil
	}
	for _, other := range r.found {
		if other.place != ofSystem || other.role != c.role {
			continue
		}
		if other.err != nil || c.pair.Cert.Equal(other.pair.Cert) {
			return other
		}
		before, err := keypair.ReadCertsIfThere(r.m.Tree(), keypair.PreviousPath(r.m.Tree(), other.layout, libvirt.CertFile(string(c.role))))
		if err != nil {
			c.err = err
			return nil
		}
		if len(before) > 0 && c.pair.Cert.Equal(before[0]) {
			return other
		}
	}
	return nil
}

// copyFacts are all that decides whether a copy is due.
type copyFacts struct {
	of          string // path of the original
	unreadable  bool   // the original
	originalDue bool
	same        bool // as the original
	keyFits     bool // also if unknown, because it has a passphrase
}

// gatherCopy looks at a copy and its original.
func gatherCopy(c *candidate) copyFacts {
	original := c.original
	f := copyFacts{of: original.pair.CertPath, unreadable: original.err != nil, originalDue: len(original.reasons) > 0}
	if f.unreadable {
		return f
	}
	f.same = c.pair.Cert.Equal(original.pair.Cert)
	f.keyFits = c.sealed || keyProblem(c.pair) == ""
	return f
}

// whyCopy returns why a copy is due; empty if it is not. It is due with its original, when it
// is another certificate than its original, and when it lacks the right key.
func whyCopy(f copyFacts) string {
	switch {
	case f.unreadable:
		return ""
	case f.originalDue:
		return "a copy of " + f.of
	case !f.same:
		return "a copy of the previous " + f.of
	case !f.keyFits:
		return "a copy of " + f.of + " without its key"
	}
	return ""
}

// copyOne makes a copy follow its original.
func (r *renewal) copyOne(j *change.Job, a *authority.Authority, c *candidate) error {
	from := c.original.renewed
	if from == nil {
		from = c.original.pair
	}
	if from.Key == nil {
		return fmt.Errorf("%s: %s has no key to copy", c.pair.CertPath, c.original.pair.CertPath)
	}
	to := c.dest(r.m)
	if err := keypair.Together(&j.Plan, c.layout, c.role); err != nil {
		return err
	}
	if err := a.Trust(j, to); err != nil {
		return err
	}
	j.Did("%s: %s", c.pair.CertPath, c.why())
	return j.WritePair(to, c.role, from.Key, from.Cert, nil)
}

// renewCopies does the work that needs no CA on a machine without its key: it renews outdated
// copies and fills the directories of QEMU that are named. It returns a nil job if there was
// nothing to do.
func (r *renewal) renewCopies(ctx context.Context) (*change.Job, error) {
	if len(r.staleCopies()) == 0 && !r.lacksPairs() {
		return nil, nil
	}
	j, err := r.change(ctx, []string{r.m.System().Top()}, func(j *change.Job) error {
		a, err := r.look()
		if err != nil {
			return err
		}
		r.renewed = nil
		for _, c := range r.staleCopies() {
			if err := r.copyOne(j, a, c); err != nil {
				return err
			}
			r.renewed = append(r.renewed, c)
		}
		return r.fillQEMU(j, a)
	})
	if err != nil {
		return nil, err
	}
	return j, r.refreshGuests(ctx, j)
}

// staleCopies returns the copies that are due though their original is not.
func (r *renewal) staleCopies() []*candidate {
	var stale []*candidate
	for _, c := range r.found {
		if c.due() && c.original != nil && len(c.original.reasons) == 0 {
			stale = append(stale, c)
		}
	}
	return stale
}
