package authority

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"virtpki/internal/cakey"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/judge"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// ImportFiles are the files of a CA that another tool has made, as the user names them.
type ImportFiles struct {
	Cert   string // PEM, perhaps with other certificates
	Key    string
	Device cakey.Order // of a key in a device, instead of Key
	CRL    string      // empty for none
	Issued string      // a directory of certificates or an index.txt; empty for none
}

// Import is a CA as it was found elsewhere.
type Import struct {
	Authority
	encrypted bool
	keyPEM    []byte                     // the file of a key in a device
	records   []*x509.Certificate        // one of each serial
	revoked   []x509.RevocationListEntry // of the index, beyond the CRL
	notes     []string
	unproven  map[string]bool // serials of certificates signed with MD5, which does not prove who made them

	keyThere   []byte // the file of the CA's key, if it is in its directory already
	certsThere bool   // the CA's certificates are in its directory already

	taken  map[string]*x509.Certificate // records by serial
	listed map[string]bool              // serials of the CRL and of revoked

	indexed bool // an index.txt that nobody named was taken over
}

func (in *Import) note(format string, args ...any) {
	in.notes = append(in.notes, termtext.Sprintf(format, args...))
}

// ReadImport reads a CA of another tool and checks that libvirt can use it. The key's passphrase
// comes from the keyring, and stays in it.
func ReadImport(m *machine.Machine, files ImportFiles, keys *change.Keyring) (*Import, error) {
	in := &Import{
		Authority: Authority{Tree: m.Tree(), Folder: m.CAPath(), Layout: libvirt.CA(m.CAPath())},
		taken:     make(map[string]*x509.Certificate),
		listed:    make(map[string]bool),
		unproven:  make(map[string]bool),
	}
	if err := in.readCA(files, keys, m.Now()); err != nil {
		return nil, err
	}
	if err := in.readCRL(files.CRL); err != nil {
		return nil, err
	}
	if err := in.readIssued(files.Issued); err != nil {
		return nil, err
	}
	if err := in.readFound(m, files); err != nil {
		return nil, err
	}
	in.noteWeak()
	return in, nil
}

// readCA reads certificate and key, and checks that libvirt can use them.
func (in *Import) readCA(files ImportFiles, keys *change.Keyring, now time.Time) error {
	certs, err := keypair.ReadCerts(keys.Tree, files.Cert)
	if err != nil {
		return err
	}
	signer, name, err := in.readKey(files, keys)
	if err != nil {
		return err
	}
	mine := slices.IndexFunc(certs, func(cert *x509.Certificate) bool { return pki.KeyMatches(cert, signer) })
	if mine < 0 {
		return fmt.Errorf("%s: not the key of any certificate in %s", name, files.Cert)
	}
	in.CA = pki.CA{Certificate: certs[mine], Signer: signer}
	in.Certificates = append([]*x509.Certificate{certs[mine]}, slices.Delete(slices.Clone(certs), mine, mine+1)...)
	if err := in.refuseWeak(files.Cert); err != nil {
		return err
	}
	if err := judge.CheckCAs(pki.EncodeCertificates(in.Certificates...), now); err != nil {
		return fmt.Errorf("%s: %w", files.Cert, err)
	}
	return nil
}

// readKey opens the CA's key in its file or its device. name is for errors.
func (in *Import) readKey(files ImportFiles, keys *change.Keyring) (signer crypto.Signer, name string, err error) {
	if place := files.Device.Place; place.InDevice() {
		order := files.Device
		order.Old = true
		key, err := keys.InDevice(order)
		in.keyPEM = key.PEM
		return key.Signer, place.String(), err
	}
	data, err := keys.Tree.ReadFile(files.Key, store.MaxPEM)
	if err != nil {
		return nil, "", err
	}
	if cakey.FormOf(data) == cakey.PKCS11 {
		return nil, "", hint.With(fmt.Errorf("%s: it names a key in a token and the program that reaches it: virtpki does not trust somebody else's file for that", files.Key),
			"look at the URI in it, and give that with --key-uri")
	}
	if cakey.FormOf(data) == cakey.TPM {
		in.keyPEM = cakey.Block(data)
	}
	in.encrypted = pki.Encrypted(data)
	signer, err = keys.OpenCA(files.Key)
	return signer, files.Key, err
}

// readCRL takes the CA's own list out of a file.
func (in *Import) readCRL(path string) error {
	if path == "" {
		return nil
	}
	data, err := in.Tree.ReadFile(path, store.MaxPEM)
	if err != nil {
		return err
	}
	crls, err := pki.ParseCRLs(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if in.Current = keypair.NewestCRL(crls, in.CA.Certificate); in.Current == nil {
		return in.unprovenCRL(path, crls)
	}
	switch {
	case in.Current.Delta:
		return fmt.Errorf("%s: a delta CRL has only the changes: give the full one", path)
	case in.Current.Indirect:
		return fmt.Errorf("%s: an indirect CRL lists certificates of other CAs: give the CA's own", path)
	}
	in.keepOthers(crls)
	for entry := range in.Current.Entries() { // one with a flaw revokes too
		in.listed[entry.SerialNumber.String()] = true
	}
	return nil
}

// keepOthers keeps the lists of the CAs beside this one, for example in the middle of a rollover:
// they are trusted as well.
func (in *Import) keepOthers(crls []*pki.CRL) {
	for _, ca := range in.Certificates {
		if list := keypair.NewestCRL(crls, ca); list != nil && !ca.Equal(in.CA.Certificate) {
			in.Lists = keypair.ReplaceCRL(in.Lists, list)
		}
	}
}

// readIssued reads the records: a directory of certificates, perhaps with an index.txt, or such an
// index with the certificates beside it.
func (in *Import) readIssued(path string) error {
	if path == "" {
		return nil
	}
	info, err := in.Tree.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		if err := in.readFolder(path); err != nil {
			return err
		}
		path = filepath.Join(path, indexFile)
		if _, err := in.Tree.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	data, err := in.Tree.ReadFile(path, store.MaxPEM)
	if err != nil {
		return err
	}
	entries, err := pki.ParseIndex(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return in.readIndex(filepath.Dir(path), entries)
}

// certExtensions are the extensions of files that may hold a certificate.
var certExtensions = []string{".pem", ".crt", ".cer"}

// readFolder takes over every certificate that the CA has signed, and counts the files without one.
func (in *Import) readFolder(folder string) error {
	entries, err := in.Tree.ReadDir(folder)
	if err != nil {
		return err
	}
	others := 0
	for _, entry := range entries {
		if !mayHoldCert(entry) {
			continue
		}
		certs, err := in.ownIn(filepath.Join(folder, entry.Name()))
		if err != nil {
			return err
		}
		for _, cert := range certs {
			in.take(cert)
		}
		if len(certs) == 0 {
			others++
		}
	}
	if others > 0 {
		in.note("%s: %s without a certificate of this CA skipped", folder, termtext.Count(others, "file", "files"))
	}
	return nil
}

// ownIn returns the certificates of a file that were signed by the CA or by one beside it in its
// file, including its own if it signed itself. (A SHA-1 signature counts: a certificate that was
// good once can be revoked.) A file that cannot be read is an error, because it may hold such a
// certificate, and nobody could revoke it by name without its record.
func (in *Import) ownIn(path string) ([]*x509.Certificate, error) {
	certs, err := keypair.ReadCerts(in.Tree, path)
	if leadsNowhere(err) {
		return nil, nil
	}
	if machine.Unread(err) || errors.Is(err, fs.ErrPermission) {
		return nil, err
	}
	return in.own(certs...), nil
}

// own returns those of some certificates that were signed by the CA, or by one beside it in its
// file.
func (in *Import) own(certs ...*x509.Certificate) []*x509.Certificate {
	return slices.DeleteFunc(certs, func(cert *x509.Certificate) bool {
		signedBy := func(ca *x509.Certificate) bool {
			own := bytes.Equal(cert.RawIssuer, ca.RawSubject)
			if own && cert.SignatureAlgorithm == x509.MD5WithRSA {
				in.unproven[cert.SerialNumber.String()] = true
			}
			return own && ca.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
		}
		return !slices.ContainsFunc(in.Certificates, signedBy)
	})
}

// take adds a record, unless it is the CA itself or there already. Of two
// certificates with one serial the first is kept: libvirt cannot tell them apart
// in a CRL either.
func (in *Import) take(cert *x509.Certificate) {
	if keypair.Contains(in.Certificates, cert) {
		return
	}
	serial := cert.SerialNumber.String()
	switch have := in.taken[serial]; {
	case have == nil:
		in.taken[serial] = cert
		in.records = append(in.records, cert)
	case !cert.Equal(have):
		in.note("serial %s was used twice, for %s and for %s: virtpki records the first, and revoking it revokes both",
			store.SerialText(cert.SerialNumber), subject.Of(have), subject.Of(cert))
	}
}

// indexFolders are the directories beside index.txt in which openssl and easy-rsa keep SERIAL.pem
// or .crt.
var indexFolders = []string{"newcerts", "certs_by_serial", "revoked/certs_by_serial", "renewed/certs_by_serial", "certs", "."}

// readIndex takes revocations and records from the lines of an index.txt.
func (in *Import) readIndex(folder string, entries []pki.IndexEntry) error {
	missing := 0
	for _, entry := range entries {
		cert, err := in.findIndexed(folder, entry)
		if err != nil {
			return err
		}
		if cert != nil {
			in.take(cert)
		} else {
			missing++
		}
		if serial := entry.Serial.String(); !entry.Revoked.IsZero() && !in.listed[serial] {
			in.listed[serial] = true
			in.revoked = append(in.revoked, x509.RevocationListEntry{SerialNumber: entry.Serial, RevocationTime: entry.Revoked, ReasonCode: int(entry.Reason)})
		}
	}
	if missing > 0 {
		in.note("the index names %s without a file beside it: to revoke a certificate without a record, give its serial", termtext.Count(missing, "certificate", "certificates"))
	}
	return nil
}

// indexedPaths returns the paths beside an index at which the certificate of an entry may lie.
func indexedPaths(folder string, entry pki.IndexEntry) (paths []string) {
	upper := store.SerialText(entry.Serial)
	for _, sub := range indexFolders {
		for _, name := range []string{upper + ".pem", upper + ".crt", strings.ToLower(upper) + ".pem"} {
			paths = append(paths, filepath.Join(folder, sub, name))
		}
	}
	return paths
}

// withSerial returns the first of some certificates with a serial; nil if none has it.
func withSerial(certs []*x509.Certificate, entry pki.IndexEntry) *x509.Certificate {
	for _, cert := range certs {
		if cert.SerialNumber.Cmp(entry.Serial) == 0 {
			return cert
		}
	}
	return nil
}

// findIndexed finds the certificate of an entry; it may be the CA's own. For a revoked entry, an
// earlier generation of the CA may have signed it: the record tells which host or client the
// revocation shuts out.
func (in *Import) findIndexed(folder string, entry pki.IndexEntry) (*x509.Certificate, error) {
	for _, path := range indexedPaths(folder, entry) {
		certs, err := in.ownIn(path)
		if err != nil {
			return nil, err
		}
		if len(certs) == 0 && !entry.Revoked.IsZero() {
			certs, _ = keypair.ReadCerts(in.Tree, path) // ownIn has reported the file if it cannot be read
		}
		if cert := withSerial(certs, entry); cert != nil {
			return cert, nil
		}
	}
	return nil, nil
}
