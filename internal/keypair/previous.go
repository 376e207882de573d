package keypair

import (
	"fmt"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/pki"
)

// CheckPrevious returns what keeps the previous certificates and keys from being put
// back: a certificate without its key, or with another's, would keep the daemon from
// starting.
func CheckPrevious(t store.Tree, layout libvirt.Layout) error {
	found := false
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		p := PreviousPair(t, layout, role)
		if err := hint.First(p.ReadCert(), p.ReadKey(), p.Mismatch()); err != nil {
			return err
		}
		found = found || p.Cert != nil && p.Key != nil
	}
	if !found {
		return fmt.Errorf("there is nothing to go back to: %s holds no pair", store.Previous(layout.PairFolder()))
	}
	return nil
}

// PreviousPair returns where the previous certificate and key of a role are. Nothing is
// read yet.
func PreviousPair(t store.Tree, layout libvirt.Layout, role pki.Role) *Pair {
	return &Pair{
		Tree:     t,
		Role:     role,
		CertPath: PreviousPath(t, layout, libvirt.CertFile(string(role))),
		KeyPath:  PreviousPath(t, layout, libvirt.KeyFile(string(role))),
	}
}

// PreviousPath returns where the previous one of a file lies.
func PreviousPath(t store.Tree, layout libvirt.Layout, file libvirt.File) string {
	inside := strings.TrimPrefix(layout.Path(file), layout.PairFolder())
	return t.Before(layout.PairFolder()) + inside
}
