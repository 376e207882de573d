package change

import (
	"sync"

	"virtpki/internal/store"
)

// Tracker knows whether a run is changing files, and whether it has.
type Tracker struct {
	mu     sync.Mutex
	idle   *sync.Cond // none is under way any more
	making int
	made   bool
}

// NewTracker returns a tracker of no changes.
func NewTracker() *Tracker {
	c := &Tracker{}
	c.idle = sync.NewCond(&c.mu)
	return c
}

// Wait waits for the end of the change that is under way.
func (c *Tracker) Wait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.making > 0 {
		c.idle.Wait()
	}
}

// count notes that a change has begun or ended.
func (c *Tracker) count(by int, made bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.making += by
	c.made = c.made || made
	c.idle.Broadcast()
}

// Make calls change. Either it changes files, or it ends by itself when the run is interrupted:
// the run does not end before.
func (c *Tracker) Make(change func() error) error {
	if c == nil {
		return change() // no signal interrupts the run
	}
	c.count(1, false)
	err := change()
	c.count(-1, err == nil)
	return err
}

// Apply applies a plan.
func (c *Tracker) Apply(plan *store.Plan) error {
	if len(plan.Changes()) == 0 {
		return plan.Apply()
	}
	return c.Make(plan.Apply)
}

// Changed reports whether a change has been made.
func (c *Tracker) Changed() bool {
	if c == nil {
		return false // the caller has not asked for it to be noted
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.made
}
