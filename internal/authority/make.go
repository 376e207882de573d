package authority

import (
	"crypto"
	"errors"
	"fmt"
	"math/big"
	"time"

	"virtpki/internal/cakey"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// Slot is the name of the CA's key in a keyring.
const Slot = "ca"

// Spec describes a new CA completely, except for its key.
type Spec struct {
	RawSubject []byte // encoded RDNSequence
	KeyType    pki.KeyType
	Key        cakey.Order   // of a key in a device; its Type is KeyType
	Validity   time.Duration // from now
	Permit     pki.Permit    // the names that its certificates may hold
	Template   *pki.Template // nil for the built-in one
}

// Make plans a new CA: key, certificate, empty CRL.
func Make(j *change.Job, m *machine.Machine, keys *change.Keyring, n Spec) (*Authority, error) {
	layout := libvirt.CA(m.CAPath())
	signer, keyPEM, err := keyForCA(j, keys, layout.Path(libvirt.CAKey), n)
	if err != nil {
		return nil, err
	}
	noteUnlimited(j, n.Permit)
	ca, err := pki.NewCA(pki.CARequest{RawSubject: n.RawSubject, Signer: signer, Now: m.Now(), Validity: n.Validity, Permit: n.Permit, Template: n.Template})
	if err == nil && n.Template != nil {
		err = judgeCA(ca.Certificate, m.Now())
	}
	if err != nil {
		return nil, err
	}
	a := &Authority{Generation: Generation{CA: *ca}, Folder: m.CAPath(), Layout: layout, Tree: m.Tree()}
	a.Certificates = append(a.Certificates, ca.Certificate)
	to := keypair.Dest{Layout: a.Layout, Owner: machine.Owner()}
	if err := to.Folders(&j.Plan, store.RecordPath(libvirt.Records(a.Folder), ca.Certificate.SerialNumber)); err != nil {
		return nil, err
	}
	if err := hint.First(
		to.Write(&j.Plan, libvirt.CAKey, keyPEM),
		to.Write(&j.Plan, libvirt.CACert, pki.EncodeCertificates(ca.Certificate)),
		a.PlanEmptyCRL(j, big.NewInt(1), m.Now()),
	); err != nil {
		return nil, err
	}
	j.Made = append(j.Made, change.Placed{Cert: ca.Certificate, Path: a.Layout.Path(libvirt.CACert)})
	return a, nil
}

// RefuseExisting returns an error if a CA, or a part of one, exists in a place.
func RefuseExisting(m *machine.Machine) error {
	a, err := Open(m)
	crl := libvirt.CA(m.CAPath()).Path(libvirt.CACRL)
	switch {
	case errors.Is(err, ErrNone) && m.Tree().Exists(crl):
		return fmt.Errorf("%s: the CRL of a CA without its certificate", crl)
	case errors.Is(err, ErrNone):
		return nil
	case err != nil:
		return err
	}
	return hint.With(fmt.Errorf("there is a CA already: %s in %s", subject.Of(a.CA.Certificate), a.Folder), "name another directory with --ca")
}

// noteUnlimited warns of a limit that covers only DNS names or only addresses: constraints of one
// kind of name do not limit the other kind (RFC 5280 section 4.2.1.10).
func noteUnlimited(j *change.Job, permit pki.Permit) {
	switch {
	case len(permit.DNSDomains) > 0 && len(permit.IPRanges) == 0:
		j.Note("the CA may sign for any address: --permit NETWORK limits that")
	case len(permit.IPRanges) > 0 && len(permit.DNSDomains) == 0:
		j.Note("the CA may sign for any name: --permit DOMAIN limits that")
	}
}

// PlanEmptyCRL plans an empty CRL. libvirt silently runs without one, and a CRL that is added later
// would have to reach every host first.
func (a *Authority) PlanEmptyCRL(j *change.Job, number *big.Int, now time.Time) error {
	crl, err := a.CA.CRL(pki.CRLRequest{Number: number, Now: now})
	if err != nil {
		return err
	}
	a.CRL = pki.EncodeCRL(crl)
	return keypair.Dest{Layout: a.Layout, Owner: machine.Owner()}.Write(&j.Plan, libvirt.CACRL, a.CRL)
}

// keyForCA returns the key for a new CA, and its file. If an interrupted run has left a key, it is
// that one, else a new one.
func keyForCA(j *change.Job, k *change.Keyring, path string, n Spec) (signer crypto.Signer, data []byte, err error) {
	place := n.Key.Place
	switch data, err = machine.ReadIfThere(k.Tree, path); {
	case err != nil:
		return nil, nil, err
	case data != nil && place.InDevice() && !place.Holds(data):
		return nil, nil, hint.With(fmt.Errorf("%s: there is a key already, and it is not %s", path, place), "move it away, if no CA needs it")
	case data != nil:
		signer, err = k.OpenCA(path)
		return signer, data, err
	case place.InDevice():
		return inDevice(j, k, n.Key, n.KeyType)
	}
	if signer, err = k.Key(Slot, n.KeyType); err == nil {
		data, err = k.EncodeCA(signer)
	}
	return signer, data, err
}

// inDevice returns a new CA's key in a device, and the file that names it.
func inDevice(j *change.Job, k *change.Keyring, o cakey.Order, t pki.KeyType) (crypto.Signer, []byte, error) {
	o.Type = t
	key, err := k.InDevice(o)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case key.Dry:
		j.Note("%s would be made", o.Place)
	case key.Found:
		j.Note("%s existed already and is now the CA's key", o.Place)
	case o.Place.TPM:
		j.Note("%s was made: no other machine can use it, and it is lost if the TPM is cleared or breaks", o.Place)
	default:
		j.Note("%s was made; it never leaves the device, so back the device up with its own tools", o.Place)
	}
	return key.Signer, key.PEM, nil
}
