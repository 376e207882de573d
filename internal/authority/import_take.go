package authority

import (
	"bytes"
	"crypto/x509"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Take plans the directory of the CA and returns the CA as it will be. If its certificate is in
// that directory already, Take adds the missing files.
func (in *Import) Take(j *change.Job, m *machine.Machine, keys *change.Keyring) (*Authority, error) {
	taken := in.clone() // a run decides twice
	if err := taken.join(m, keys); err != nil {
		return nil, err
	}
	return &taken.Authority, taken.plan(j, keys, m.Now())
}

func (in *Import) plan(j *change.Job, keys *change.Keyring, now time.Time) error {
	to := keypair.Dest{Layout: in.Layout, Owner: machine.Owner()}
	if err := hint.First(in.planKey(j, to, keys), in.planCert(j, to)); err != nil {
		return err
	}
	for _, cert := range in.records {
		if err := in.Record(j, cert); err != nil {
			return err
		}
	}
	in.tell(j)
	j.Notes = append(j.Notes, in.notes...)
	in.NoteTwins(j)
	if usage := in.CA.Certificate.KeyUsage; usage != 0 && usage&x509.KeyUsageCRLSign == 0 {
		j.Note("the CA's keyUsage lacks cRLSign: libvirt uses its CRL anyway, other programs may not")
	}
	return in.planCRL(j, now)
}

// tell reports the parts of the CA that were taken over and were not there before.
func (in *Import) tell(j *change.Job) {
	ca := change.Placed{Cert: in.CA.Certificate, Path: in.Layout.Path(libvirt.CACert)}
	if !in.certsThere {
		j.Made = append(j.Made, ca)
	} else {
		j.Found = append(j.Found, ca)
	}
	if len(in.records) > 0 || !in.certsThere {
		j.Did("%s recorded", termtext.Count(len(in.records), "certificate", "certificates"))
	}
}

// planKey plans the CA's key, encrypted if it was before. An existing key stays, except that a mode
// or an owner that lets others read it is changed.
func (in *Import) planKey(j *change.Job, to keypair.Dest, keys *change.Keyring) error {
	if in.keyThere != nil {
		return to.Write(&j.Plan, libvirt.CAKey, in.keyThere)
	}
	if in.keyPEM != nil {
		return to.Write(&j.Plan, libvirt.CAKey, in.keyPEM)
	}
	var passphrase []byte
	if in.encrypted {
		passphrase = keys.Passphrase
	}
	keyPEM, err := pki.EncodeKey(in.CA.Signer, passphrase)
	if err != nil {
		return err
	}
	return to.Write(&j.Plan, libvirt.CAKey, keyPEM)
}

// planCert plans the CA's certificates, unless they are there.
func (in *Import) planCert(j *change.Job, to keypair.Dest) error {
	if in.certsThere {
		return nil
	}
	return to.Write(&j.Plan, libvirt.CACert, pki.EncodeCertificates(in.Certificates...))
}

// planCRL keeps the CA's own list as it is, or plans a new one that follows it.
func (in *Import) planCRL(j *change.Job, now time.Time) error {
	crl, word := in.Current, "taken over"
	if !goesOn(crl, len(in.revoked) > 0, now) {
		var err error
		if crl, err = in.nextCRL(now, in.revoked, nil, pki.DefaultCRLValidity); err != nil {
			return err
		}
		word = "made"
	}
	there := in.CRL
	in.CRL = pki.EncodeCRL(append([]*pki.CRL{crl}, in.Lists...)...)
	if bytes.Equal(in.CRL, there) {
		return nil
	}
	j.Did("CRL number %v %s: %s", crl.Number, word, termtext.Count(crl.Len(), "entry", "entries"))
	return keypair.Dest{Layout: in.Layout, Owner: machine.Owner()}.Write(&j.Plan, libvirt.CACRL, in.CRL)
}

// goesOn reports whether an imported CA can keep its list: it has one with a number that the next
// can follow, the list is fresh, its signature is not weak, and the index does not hold further
// revocations.
func goesOn(crl *pki.CRL, more bool, now time.Time) bool {
	return crl != nil && !more && crl.Number != nil && !crl.NextUpdate.Before(now) && !weakCRL(crl)
}

// LiveClients returns the DNs that [Authority.LiveClients] will return after the import. It can be
// called before anything is planned.
func (in *Import) LiveClients(now time.Time) ([]string, error) {
	a := in.Authority
	for _, cert := range in.records {
		if !in.listed[cert.SerialNumber.String()] {
			a.Planned = append(a.Planned, cert)
		}
	}
	return a.LiveClients(now)
}

// Encrypted reports whether the imported key has a passphrase.
func (in *Import) Encrypted() bool { return in.encrypted }
