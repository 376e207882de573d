package certinfo

import (
	"crypto/x509"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"virtpki/pki"
)

// Filter selects certificates of a list. The zero value selects all.
type Filter struct {
	Name    string // CN, DNS name or address, or a pattern of them with * and ?; upper and lower case are equal
	Role    string // ca, server or client; empty for all
	Due     bool   // those that are due for renewal, or have expired
	Expired bool   // those that have expired
	Limit   int    // how many, the first ones; 0 for all
}

// Check returns an error if a filter is invalid.
func (f Filter) Check() error {
	if _, err := path.Match(f.Name, ""); err != nil {
		return fmt.Errorf("name %q is not a pattern", f.Name)
	}
	if f.Role != "" && !slices.Contains(RoleNames(), f.Role) {
		return fmt.Errorf("unknown role %q (%s)", f.Role, strings.Join(RoleNames(), ", "))
	}
	if f.Limit < 0 {
		return fmt.Errorf("limit %d is negative", f.Limit)
	}
	return nil
}

// RoleNames lists the roles of a [Filter].
func RoleNames() []string { return []string{"ca", "server", "client"} }

// Narrow returns the selected certificates, in their order, and how many it left out.
func (l List) Narrow(f Filter, now time.Time) (wanted List, left int) {
	wanted = List{}
	for _, info := range l {
		if f.wants(info, now) && (f.Limit == 0 || len(wanted) < f.Limit) {
			wanted = append(wanted, info)
		}
	}
	return wanted, len(l) - len(wanted)
}

func (f Filter) wants(i Info, now time.Time) bool {
	expired := !now.Before(i.Ends)
	opens := pki.Window{}.CertificateOpens(&x509.Certificate{NotBefore: i.NotBefore, NotAfter: i.NotAfter})
	switch {
	case f.Name != "" && !slices.ContainsFunc(slices.Concat([]string{i.Name}, i.DNS, i.IPs), f.matches):
		return false
	case f.Role != "" && !slices.Contains(i.Roles, f.Role):
		return false
	case f.Expired && !expired:
		return false
	}
	return !f.Due || expired || !now.Before(opens)
}

func (f Filter) matches(name string) bool {
	ok, _ := path.Match(strings.ToLower(f.Name), strings.ToLower(name)) // Check has tested the pattern
	return ok
}
