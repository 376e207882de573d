package authority

import (
	"crypto/x509"
	"fmt"
	"maps"
	"slices"

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

// clone returns a copy of the import that a decision may change.
func (in *Import) clone() *Import {
	c := *in
	c.records, c.revoked, c.notes = slices.Clone(in.records), slices.Clone(in.revoked), slices.Clone(in.notes)
	c.Lists, c.Certificates = slices.Clone(in.Lists), slices.Clone(in.Certificates)
	c.taken, c.listed = maps.Clone(in.taken), maps.Clone(in.listed)
	return &c
}

// join adds the files that are in the CA's directory already: following libvirt's own page, the
// certificate lies there, and the key elsewhere. It refuses a directory with another CA.
func (in *Import) join(m *machine.Machine, keys *change.Keyring) error {
	there, err := Open(m)
	if err != nil || there.Rollover != nil || !keypair.Contains(there.Certificates, in.CA.Certificate) {
		return RefuseExisting(m)
	}
	if err := in.joinKey(there, keys); err != nil {
		return err
	}
	in.joinCerts(there.Certificates)
	records, err := there.recorded()
	if err != nil {
		return err
	}
	for _, cert := range records {
		in.joinRecord(cert)
	}
	return in.joinCRL(there)
}

// joinKey checks that a key in the directory is the CA's.
func (in *Import) joinKey(there *Authority, keys *change.Keyring) error {
	if there.Keyless() {
		return nil
	}
	path := there.Layout.Path(libvirt.CAKey)
	signer, err := keys.OpenCA(path)
	if err != nil {
		return err
	}
	if !pki.KeyMatches(in.CA.Certificate, signer) {
		return fmt.Errorf("%s: not the key of %s", path, subject.Of(in.CA.Certificate))
	}
	if in.keyPEM != nil && !cakey.Form(change.KeyState(in.Tree, path)).InDevice() {
		return hint.With(fmt.Errorf("%s: the CA's key is in this file already, and would stay there", path), "move the file away, then import again")
	}
	in.keyThere, err = in.Tree.ReadFile(path, store.MaxPEM)
	return err
}

// joinCerts keeps the CAs that the directory trusts beside this one.
func (in *Import) joinCerts(there []*x509.Certificate) {
	same := func(cert *x509.Certificate) bool { return keypair.Contains(there, cert) }
	in.certsThere = there[0].Equal(in.CA.Certificate) && !slices.ContainsFunc(in.Certificates, func(cert *x509.Certificate) bool { return !same(cert) })
	for _, cert := range there {
		if !keypair.Contains(in.Certificates, cert) {
			in.Certificates = append(in.Certificates, cert)
		}
	}
}

// joinRecord skips a certificate that is recorded already. It does not replace a record: of two
// certificates with one serial the recorded one stays.
func (in *Import) joinRecord(cert *x509.Certificate) {
	serial := cert.SerialNumber.String()
	if have := in.taken[serial]; have != nil && !have.Equal(cert) {
		in.note("serial %s is already recorded, for %s: virtpki does not record %s, and revoking the serial revokes both",
			store.SerialText(cert.SerialNumber), subject.Of(cert), subject.Of(have))
	}
	in.records = slices.DeleteFunc(in.records, func(c *x509.Certificate) bool { return c.SerialNumber.Cmp(cert.SerialNumber) == 0 })
}

// joinCRL continues the newer of two lists of the CA, and keeps the entries of the other.
func (in *Import) joinCRL(there *Authority) error {
	if there.CRL == nil {
		return nil
	}
	crls, err := pki.ParseCRLs(there.CRL)
	if err != nil {
		return fmt.Errorf("%s: %w", there.Layout.Path(libvirt.CACRL), err)
	}
	in.CRL = there.CRL
	in.keepOthers(append(crls, in.Lists...))
	own := keypair.NewestCRL(crls, in.CA.Certificate)
	if own == nil {
		return nil
	}
	older := in.Current
	if in.Current = own; older != nil {
		in.Current = keypair.NewestCRL([]*pki.CRL{older, own}, in.CA.Certificate)
		if in.Current == older {
			older = own
		}
	}
	in.addMissing(older)
	return nil
}

// addMissing adds to the next list the revocations of an older list, which may be nil, and those of
// the index, unless the current list has them already.
func (in *Import) addMissing(older *pki.CRL) {
	entries := in.revoked
	if older != nil {
		for entry := range older.Entries() {
			entries = append(entries, entry)
		}
	}
	clear(in.listed)
	for entry := range in.Current.Entries() {
		in.listed[entry.SerialNumber.String()] = true
	}
	in.revoked = nil
	for _, entry := range entries {
		if serial := entry.SerialNumber.String(); !in.listed[serial] {
			in.listed[serial] = true
			in.revoked = append(in.revoked, entry)
		}
	}
}
