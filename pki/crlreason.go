package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"strings"
)

// Reason says why a certificate is revoked: the CRLReason of RFC 5280 section 5.3.1. It has the
// same numbers, so that it converts from and to the ReasonCode of an
// [crypto/x509.RevocationListEntry].
type Reason int

// The reasons that a complete list can give. The ninth, removeFromCRL, belongs only in delta CRLs.
// libvirt ignores the reasons: every entry revokes.
const (
	ReasonUnspecified          Reason = 0 // written by leaving the reason out
	ReasonKeyCompromise        Reason = 1
	ReasonCACompromise         Reason = 2
	ReasonAffiliationChanged   Reason = 3
	ReasonSuperseded           Reason = 4
	ReasonCessationOfOperation Reason = 5
	ReasonCertificateHold      Reason = 6
	ReasonPrivilegeWithdrawn   Reason = 9
	ReasonAACompromise         Reason = 10

	reasonRemoveFromCRL Reason = 8
)

// reasonNames are the names of RFC 5280, by number; 7 is not used.
var reasonNames = [...]string{
	"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded",
	"cessationOfOperation", "certificateHold", "", "removeFromCRL", "privilegeWithdrawn", "aACompromise",
}

// Reasons lists the reasons that [ParseReason] takes, by number.
func Reasons() []Reason {
	var all []Reason
	for n := range reasonNames {
		if r := Reason(n); r.check() == nil {
			all = append(all, r)
		}
	}
	return all
}

// ParseReason reads the name of a reason, in any mixture of upper and lower case
// ("keyCompromise", "CACompromise" as OpenSSL writes it). An unknown name and
// removeFromCRL are errors.
func ParseReason(s string) (Reason, error) {
	var known []string
	for _, r := range append(Reasons(), reasonRemoveFromCRL) {
		if strings.EqualFold(s, r.String()) {
			return r, r.check()
		}
		known = append(known, r.String())
	}
	return 0, fmt.Errorf("unknown reason %q (one of %s)", s, strings.Join(known[:len(known)-1], ", "))
}

// String returns the name of the reason in RFC 5280, or a text such as "reason 7" without a name.
func (r Reason) String() string {
	if r < 0 || int(r) >= len(reasonNames) || reasonNames[r] == "" {
		return fmt.Sprintf("reason %d", int(r))
	}
	return reasonNames[r]
}

// Compromised reports whether the reason says that others may have the private key. This includes
// the reasons for the key of a CA or an attribute authority, because the certificate may be one of
// these.
func (r Reason) Compromised() bool {
	return r == ReasonKeyCompromise || r == ReasonCACompromise || r == ReasonAACompromise
}

// ShutsOut reports whether the owner of a certificate that was revoked for the reason may not get
// another one. A superseded certificate was only replaced.
func (r Reason) ShutsOut() bool { return r != ReasonSuperseded }

// check returns an error if a list cannot give the reason.
func (r Reason) check() error {
	switch {
	case r == reasonRemoveFromCRL:
		return fmt.Errorf("reason removeFromCRL belongs in delta CRLs alone (RFC 5280 section 5.3.1)")
	case r < 0 || int(r) >= len(reasonNames) || reasonNames[r] == "":
		return fmt.Errorf("%s is not in RFC 5280 section 5.3.1", r)
	}
	return nil
}

// WithReason returns an entry of a list with another reason and its other fields unchanged, for
// [CRLRequest.Replace].
func WithReason(entry x509.RevocationListEntry, reason Reason) x509.RevocationListEntry {
	entry.ReasonCode = int(reason)
	entry.ExtraExtensions = slices.DeleteFunc(slices.Clone(entry.Extensions), func(ext pkix.Extension) bool {
		return ext.Id.Equal(oidReasonCode)
	})
	return entry
}
