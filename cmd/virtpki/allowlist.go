package main

import (
	"errors"
	"slices"
	"time"

	"virtpki/dn"
	"virtpki/internal/authority"
)

// allowIssued adds to a list the exact DN of every live client certificate that
// the CA has signed, or is about to.
func allowIssued(patterns []string, a *authority.Authority, now time.Time) ([]string, error) {
	names, err := a.LiveClients(now)
	if err != nil {
		return nil, err
	}
	allow := slices.Clone(patterns)
	for _, name := range names {
		if pattern := dn.Exact(name); !slices.Contains(allow, pattern) {
			allow = append(allow, pattern)
		}
	}
	if len(allow) == 0 {
		return nil, errors.New("no client certificate that the CA here has signed is live: the list would let nobody in")
	}
	return allow, nil
}
