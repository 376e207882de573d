package main

import "virtpki/internal/hint"

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
