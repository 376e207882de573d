package keypair

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io/fs"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/pki"
)

// Pending is a new key that waits for its certificate, beside the live pair that still serves.
// Its file holds the key and the request that was made for it.
type Pending struct {
	Role pki.Role
	Path string
	Key  crypto.Signer
	CSR  *pki.CSR
}

// LoadPending returns the key that waits for the certificate of a role, and nil if there is
// none. A key that is live by now does not wait any more.
func LoadPending(layout libvirt.Layout, live *Pair) (*Pending, error) {
	p, err := ReadPending(live.Tree, layout, live.Role)
	if err != nil || p == nil || live.Key != nil && pki.SameKey(p.Key.Public(), live.Key.Public()) {
		return nil, err
	}
	return p, nil
}

// ReadPending is [LoadPending], even if the key is live by now.
func ReadPending(t store.Tree, layout libvirt.Layout, role pki.Role) (*Pending, error) {
	path := layout.Path(libvirt.PendingFile(string(role)))
	data, err := readPending(t, layout, path)
	if err != nil || data == nil {
		return nil, err
	}
	p := &Pending{Role: role, Path: path}
	if p.Key, err = pki.ParseKey(data, nil); err != nil {
		return nil, hint.With(fmt.Errorf("%s: %w", path, err), "remove it, and make a new request")
	}
	csrs, err := pki.ParseCSRs(data)
	if err != nil {
		return nil, hint.With(fmt.Errorf("%s: %w", path, err), "remove it, and make a new request")
	}
	p.CSR = csrs[0]
	return p, nil
}

// readPending returns the contents of the file; nil if there is none. Others may write into the
// directory of another program, such as one with a sticky bit: a key that they left there must not
// get this machine's names.
func readPending(t store.Tree, layout libvirt.Layout, path string) ([]byte, error) {
	if !layout.Foreign() {
		return machine.ReadIfThere(t, path)
	}
	data, err := t.ReadOwn(path, store.MaxPEM)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// Plan plans the key and its request: one file, so that both are there or neither.
func (p *Pending) Plan(plan *store.Plan, to Dest) error {
	key, err := pki.EncodeKey(p.Key, nil)
	if err != nil {
		return err
	}
	to.Keep = false
	return to.Write(plan, libvirt.PendingFile(string(p.Role)), bytes.Join([][]byte{key, pki.EncodeCSRs(p.CSR)}, nil))
}

// Requests returns the requests that are kept in a layout: those that wait, and those that the
// live certificates were made for. They show which names the CA has left out.
func Requests(t store.Tree, layout libvirt.Layout) ([]*pki.CSR, error) {
	path := layout.Path(libvirt.Requests)
	if path == "" {
		return nil, nil
	}
	data, err := machine.ReadIfThere(t, path)
	if err != nil || data == nil {
		return nil, err
	}
	csrs, err := pki.ParseCSRs(data)
	if err != nil {
		err = hint.With(fmt.Errorf("%s: %w", path, err), "remove it: it only records the requested names")
	}
	return csrs, err
}

// RequestFor returns the request of a key, and nil if there is none.
func RequestFor(csrs []*pki.CSR, pub crypto.PublicKey) *pki.CSR {
	for _, csr := range csrs {
		if pki.SameKey(csr.PublicKey, pub) {
			return csr
		}
	}
	return nil
}

// DropPending plans to remove the keys that are live and do not wait any more. With the last one
// it removes the file with the requests, unless that holds the request of a live certificate.
func DropPending(plan *store.Plan, layout libvirt.Layout) error {
	t := plan.Tree()
	asked, err := Requests(t, layout)
	if err != nil {
		return err
	}
	needed := false
	for _, name := range layout.Roles() {
		role := pki.Role(name)
		live := New(t, layout, role)
		if err := live.ReadKey(); err != nil {
			return err
		}
		p, err := ReadPending(t, layout, role)
		if err != nil {
			return err
		}
		needed = needed || live.Key != nil && RequestFor(asked, live.Key.Public()) != nil
		if p == nil {
			continue
		}
		if live.Key == nil || !pki.SameKey(p.Key.Public(), live.Key.Public()) {
			needed = true
			continue
		}
		if err := plan.Remove(p.Path); err != nil {
			return err
		}
	}
	if needed || layout.Path(libvirt.Requests) == "" {
		return nil
	}
	return plan.Remove(layout.Path(libvirt.Requests))
}
