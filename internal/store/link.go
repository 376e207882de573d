package store

import (
	"bytes"
	"fmt"
)

// LinkError says that a link is in the place of a file, and that the plan must not replace links.
type LinkError struct{ Path, Target string }

func (e *LinkError) Error() string {
	return fmt.Sprintf("%s: a link to %q, not a file", e.Path, e.Target)
}

// overLink plans a file in the place of a link.
func (p *Plan) overLink(c Change, target string, link *state) error {
	if !p.overLinks {
		return &LinkError{Path: c.Path, Target: target}
	}
	if there, err := p.tree.ReadFile(c.Path, MaxPEM); err == nil && bytes.Equal(there, c.data) {
		return nil
	}
	c.Action, c.was = Replace, link
	p.add(c)
	return nil
}
