package renewal

import (
	"virtpki/internal/enroll"
	"virtpki/internal/hint"
	"virtpki/pki"
)

// DefaultBefore is the share of its lifetime that a certificate has left when it becomes due.
const DefaultBefore = "33%"

// ParseBefore reads how long before its end a certificate is due: a duration, or a share of its
// lifetime. The default stands for a third.
func ParseBefore(text string) (pki.Window, error) {
	if text == DefaultBefore {
		return pki.Window{}, nil
	}
	window, err := pki.ParseWindow(text)
	return window, hint.Usage(err)
}

// ParseRule reads a rule: how long before its end a certificate is due, and the fingerprint of
// the CA that must have signed it; empty for any CA here.
func ParseRule(before, issuer string) (*Rule, error) {
	window, err := ParseBefore(before)
	if err != nil || issuer == "" {
		return &Rule{Window: window}, err
	}
	prints, err := enroll.ParseFingerprints([]string{issuer})
	for print := range prints {
		return &Rule{Window: window, Issuer: print}, nil
	}
	return nil, err
}
