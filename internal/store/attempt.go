package store

import (
	"maps"
	"slices"
)

// Attempt plans the changes that decide states: all of them, or none. If decide returns an
// error, the plan is as it was before. A caller that continues after an error calls decide
// through Attempt: [Plan.Apply] refuses a plan that holds half of something.
func (p *Plan) Attempt(decide func() error) error {
	before := p.saved()
	err := decide()
	if err != nil {
		*p = before
	}
	return err
}

// saved returns a copy of the plan that later statements do not change.
func (p *Plan) saved() Plan {
	saved := *p
	saved.changes, saved.swaps = slices.Clone(p.changes), slices.Clone(p.swaps)
	saved.dirs, saved.planned = maps.Clone(p.dirs), maps.Clone(p.planned)
	return saved
}

// spoil returns err, and remembers the first one: the statement that failed may have been half
// of a pair whose other half is planned.
func (p *Plan) spoil(err error) error {
	if p.spoilt == nil {
		p.spoilt = err
	}
	return err
}
