package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"virtpki/dn"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// allowIssued adds to a list the exact DN of every live client certificate that
// the CA has signed, or is about to.
func (e *env) allowIssued(patterns []string, a *authority) ([]string, error) {
	names, err := e.liveClients(a)
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

// liveClients are the DNs of the client certificates that the CA has signed, or
// is about to sign, and that are neither expired nor revoked, in alphabetical
// order.
func (e *env) liveClients(a *authority) ([]string, error) {
	revoked, err := a.revoked()
	if err != nil {
		return nil, err
	}
	certs, err := a.signed()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, cert := range certs {
		if cert.IsCA || !slices.Contains(pki.RolesOf(cert), pki.Client) || !e.here.Now().Before(cert.NotAfter) || revoked[cert.SerialNumber.String()] {
			continue
		}
		name, err := dn.FromRDNSequence(cert.RawSubject)
		if err != nil {
			return nil, fmt.Errorf("certificate %s: %w", store.SerialText(cert.SerialNumber), err)
		}
		if strings.ContainsFunc(name, termtext.Hidden) {
			return nil, hint.With(fmt.Errorf("certificate %s: its DN %q holds a character that cannot be printed", store.SerialText(cert.SerialNumber), name),
				"revoke it: virtpki revoke %s", store.SerialText(cert.SerialNumber))
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// revoked are the serials, in decimal, that the CA's CRL lists.
func (a *authority) revoked() (map[string]bool, error) {
	serials := make(map[string]bool)
	if a.crl == nil {
		return serials, nil
	}
	crls, err := pki.ParseCRLs(a.crl)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.layout.Path(libvirt.CACRL), err)
	}
	for _, crl := range crls {
		for entry := range crl.Entries() { // a flaw behind its serial does not undo a revocation
			serials[entry.SerialNumber.String()] = true
		}
	}
	return serials, nil
}
