package main

import (
	"bytes"
	"crypto"
	"fmt"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/pki"
)

// pending is a new key that waits for its certificate, beside the live pair that
// goes on serving. Its file holds the key and the request that was made for it.
type pending struct {
	role pki.Role
	path string
	key  crypto.Signer
	csr  *pki.CSR
}

// loadPending reads the key that waits for a role's certificate; nil when there
// is none. One that is live by now waits no longer.
func loadPending(layout libvirt.Layout, live *pair) (*pending, error) {
	p, err := readPending(live.tree, layout, live.role)
	if err != nil || p == nil || live.key != nil && pki.SameKey(p.key.Public(), live.key.Public()) {
		return nil, err
	}
	return p, nil
}

// readPending is loadPending whatever is live.
func readPending(t store.Tree, layout libvirt.Layout, role pki.Role) (*pending, error) {
	path := layout.Path(libvirt.PendingFile(string(role)))
	data, err := machine.ReadIfThere(t, path)
	if err != nil || data == nil {
		return nil, err
	}
	p := &pending{role: role, path: path}
	if p.key, err = pki.ParseKey(data, nil); err != nil {
		return nil, hint.With(fmt.Errorf("%s: %w", path, err), "remove it, and make a new request")
	}
	csrs, err := pki.ParseCSRs(data)
	if err != nil {
		return nil, hint.With(fmt.Errorf("%s: %w", path, err), "remove it, and make a new request")
	}
	p.csr = csrs[0]
	return p, nil
}

// plan states that the key and its request wait in the layout: one file, so that
// both are there or neither.
func (p *pending) plan(plan *store.Plan, to target) error {
	key, err := pki.EncodeKey(p.key, nil)
	if err != nil {
		return err
	}
	to.keep = false
	return to.write(plan, libvirt.PendingFile(string(p.role)), bytes.Join([][]byte{key, pki.EncodeCSRs(p.csr)}, nil))
}

// askedWith are the requests that are kept in a layout: those that wait, and those
// that the live certificates were made for. They tell what the CA has left out.
func askedWith(t store.Tree, layout libvirt.Layout) ([]*pki.CSR, error) {
	path := layout.Path(libvirt.Requests)
	data, err := machine.ReadIfThere(t, path)
	if err != nil || data == nil {
		return nil, err
	}
	csrs, err := pki.ParseCSRs(data)
	if err != nil {
		err = hint.With(fmt.Errorf("%s: %w", path, err), "remove it: it only tells what was asked for")
	}
	return csrs, err
}

// forKey is the request of a key among others; nil when there is none.
func forKey(csrs []*pki.CSR, pub crypto.PublicKey) *pki.CSR {
	for _, csr := range csrs {
		if pki.SameKey(csr.PublicKey, pub) {
			return csr
		}
	}
	return nil
}

// dropPending plans to remove what waits no longer: it is live. With the last one
// goes the file with the requests, unless it tells of a live certificate.
func dropPending(plan *store.Plan, layout libvirt.Layout) error {
	t := plan.Tree()
	asked, err := askedWith(t, layout)
	if err != nil {
		return err
	}
	needed := false
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		live := newPair(t, layout, role)
		if err := live.readKey(); err != nil {
			return err
		}
		p, err := readPending(t, layout, role)
		if err != nil {
			return err
		}
		needed = needed || live.key != nil && forKey(asked, live.key.Public()) != nil
		if p == nil {
			continue
		}
		if live.key == nil || !pki.SameKey(p.key.Public(), live.key.Public()) {
			needed = true
			continue
		}
		if err := plan.Remove(p.path); err != nil {
			return err
		}
	}
	if needed {
		return nil
	}
	return plan.Remove(layout.Path(libvirt.Requests))
}
