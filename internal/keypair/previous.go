package keypair

import (
	"fmt"
	"path/filepath"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/pki"
)

// Together states that the certificate and key of a role change in one instant, and that
// [RollBack] can restore the previous ones: their directory is exchanged. In a layout that is
// apart only the certificate changes. A copy of the previous one stays beside it, unless that
// does not fit the key.
func Together(p *store.Plan, layout libvirt.Layout, role pki.Role) error {
	if !layout.Apart() {
		p.Together(layout.PairFolder())
		return nil
	}
	live := New(p.Tree(), layout, role)
	err := hint.First(live.ReadCert(), live.ReadKey())
	if machine.Unread(err) {
		return err
	}
	if err != nil || live.Cert == nil || live.Key == nil || live.Mismatch() != nil {
		return nil
	}
	data, err := p.Tree().ReadFile(live.CertPath, store.MaxPEM)
	if err != nil {
		return err
	}
	return p.KeepLike(store.Previous(live.CertPath), live.CertPath, data)
}

// RollBack exchanges the certificates and keys of a layout with the previous ones, in one
// instant.
func RollBack(t store.Tree, layout libvirt.Layout) error {
	if layout.Apart() {
		return t.RollbackFile(Held(layout))
	}
	return t.Rollback(layout.PairFolder())
}

// Held returns the path that changes in one instant: the directory of the key pairs or, if the
// layout is apart, the certificate.
func Held(layout libvirt.Layout) string {
	if layout.Apart() {
		return filepath.Clean(layout.Path(libvirt.ServerCert))
	}
	return layout.PairFolder()
}

// CheckPrevious returns an error if the previous certificates and keys cannot be restored. A
// certificate without its key, or with another's, would keep the daemon from starting.
func CheckPrevious(t store.Tree, layout libvirt.Layout) error {
	found := false
	for _, role := range layout.Roles() {
		p := PreviousPair(t, layout, pki.Role(role))
		if err := hint.First(p.ReadCert(), p.ReadKey(), p.Mismatch()); err != nil {
			return err
		}
		found = found || p.Cert != nil && p.Key != nil
	}
	if !found {
		return fmt.Errorf("there is nothing to restore: %s does not contain a certificate and key", store.Previous(Held(layout)))
	}
	return nil
}

// PreviousPair returns the paths of the previous certificate and key of a role. Nothing is read
// yet.
func PreviousPair(t store.Tree, layout libvirt.Layout, role pki.Role) *Pair {
	return &Pair{
		Tree:     t,
		Role:     role,
		CertPath: PreviousPath(t, layout, libvirt.CertFile(string(role))),
		KeyPath:  PreviousPath(t, layout, libvirt.KeyFile(string(role))),
	}
}

// PreviousPath returns the path of the previous version of a file. The key of a layout that is
// apart stays where it is.
func PreviousPath(t store.Tree, layout libvirt.Layout, file libvirt.File) string {
	path := layout.Path(file)
	switch {
	case layout.Apart() && file.IsKey():
		return path
	case layout.Apart():
		return store.Previous(path)
	}
	inside := strings.TrimPrefix(path, layout.PairFolder())
	return t.Before(layout.PairFolder()) + inside
}
