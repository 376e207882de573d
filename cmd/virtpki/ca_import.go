package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
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

// importOptions are the flags of ca import.
type importOptions struct {
	cert, key, crl, issued string
}

const caImportHelp = `Take over a CA that certtool, openssl, cfssl, step or easy-rsa made: its
certificate and key, its revocations, and the records of what it has signed.

--cert may hold several certificates; the one that --key belongs to signs. The
key may be PKCS#1, SEC1 or PKCS#8, encrypted or not; it is written as PKCS#8,
encrypted again if it was. --issued is a folder of PEM certificates, or an
index.txt as openssl and easy-rsa keep it: what it says to be revoked is, and
the certificates are looked for in the folders beside it.

A CA that libvirt cannot live with is refused, and it is said why. The files that
are read stay as they are. Afterwards sign and revoke with virtpki alone.`

const caImportExample = `  virtpki ca import --cert cacert.pem --key cakey.pem
  virtpki ca import --cert pki/ca.crt --key pki/private/ca.key --crl pki/crl.pem --issued pki/index.txt`

func newCAImport(e *env, g *globals) *cobra.Command {
	return bindCAImport(e, g, &importOptions{})
}

// bindCAImport binds the flags to o.
func bindCAImport(e *env, g *globals, o *importOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "import --cert FILE --key FILE",
		Short:   "Take over a CA made by another tool",
		Long:    help(caImportHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: caImportExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.caImport(cmd.Context(), g, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.cert, "cert", "", "PEM `file` with the CA's certificate")
	flags.StringVar(&o.key, "key", "", "PEM `file` with the CA's key")
	flags.StringVar(&o.crl, "crl", "", "PEM `file` with the CA's CRL")
	flags.StringVar(&o.issued, "issued", "", "`directory` of signed certificates, or an index.txt")
	cmd.MarkFlagRequired("cert")
	cmd.MarkFlagRequired("key")
	for _, name := range []string{"cert", "key", "crl", "issued"} {
		cmd.MarkFlagFilename(name)
	}
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

// imported is a CA as it was found elsewhere.
type imported struct {
	authority.Authority
	encrypted bool
	records   []*x509.Certificate        // one of each serial
	revoked   []x509.RevocationListEntry // of the index, beyond the CRL
	notes     []string
	unproven  int // certificates whose signature by MD5 says nothing of who made it

	taken  map[string]*x509.Certificate // records by serial
	listed map[string]bool              // serials of the CRL and of revoked
}

func (in *imported) note(format string, args ...any) {
	in.notes = append(in.notes, fmt.Sprintf(format, args...))
}

func (e *env) caImport(ctx context.Context, g *globals, o *importOptions) error {
	if err := g.CheckClock(); err != nil {
		return err
	}
	keys := e.newKeyring(g)
	in, err := e.readImport(g.Machine, o, keys)
	if err != nil {
		return err
	}
	return e.change(ctx, g, []string{g.CAPath()}, func(j *change.Job) error {
		if err := authority.RefuseExisting(g.Machine); err != nil {
			return err
		}
		return e.planImport(j, in, keys)
	})
}

// readImport reads and checks everything before a byte is written.
func (e *env) readImport(m *machine.Machine, o *importOptions, keys *change.Keyring) (*imported, error) {
	in := &imported{
		Authority: authority.Authority{Tree: m.Tree(), Folder: m.CAPath(), Layout: libvirt.CA(m.CAPath())},
		taken:     make(map[string]*x509.Certificate),
		listed:    make(map[string]bool),
	}
	if err := e.readImportedCA(in, o, keys); err != nil {
		return nil, err
	}
	if err := in.readCRL(o.crl); err != nil {
		return nil, err
	}
	if err := in.readIssued(o.issued); err != nil {
		return nil, err
	}
	in.noteWeak()
	return in, nil
}

// readImportedCA reads certificate and key, and checks that libvirt can live
// with them.
func (e *env) readImportedCA(in *imported, o *importOptions, keys *change.Keyring) error {
	certs, err := keypair.ReadCerts(keys.Tree, o.cert)
	if err != nil {
		return err
	}
	data, err := keys.Tree.ReadFile(o.key, store.MaxPEM)
	if err != nil {
		return err
	}
	in.encrypted = pki.Encrypted(data)
	signer, err := keys.OpenCA(o.key)
	if err != nil {
		return err
	}
	mine := slices.IndexFunc(certs, func(cert *x509.Certificate) bool { return pki.KeyMatches(cert, signer) })
	if mine < 0 {
		return fmt.Errorf("%s: not the key of any certificate in %s", o.key, o.cert)
	}
	in.CA = pki.CA{Certificate: certs[mine], Signer: signer}
	in.Certificates = append([]*x509.Certificate{certs[mine]}, slices.Delete(slices.Clone(certs), mine, mine+1)...)
	if err := in.refuseWeak(o.cert); err != nil {
		return err
	}
	if err := judge.CheckCAs(pki.EncodeCertificates(in.Certificates...), e.here.Now()); err != nil {
		return fmt.Errorf("%s: %w", o.cert, err)
	}
	return nil
}

// readCRL takes the CA's own list out of a file.
func (in *imported) readCRL(path string) error {
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
		return fmt.Errorf("%s: a delta CRL holds only what has changed: give the whole one", path)
	case in.Current.Indirect:
		return fmt.Errorf("%s: an indirect CRL holds certificates of other CAs: give the CA's own", path)
	}
	in.keepOthers(crls)
	for entry := range in.Current.Entries() { // one with a flaw revokes too
		in.listed[entry.SerialNumber.String()] = true
	}
	return nil
}

// keepOthers keeps the lists of the CAs beside this one, as in the middle of a rollover:
// they are trusted like it.
func (in *imported) keepOthers(crls []*pki.CRL) {
	for _, ca := range in.Certificates {
		if list := keypair.NewestCRL(crls, ca); list != nil && !ca.Equal(in.CA.Certificate) {
			in.Lists = keypair.ReplaceCRL(in.Lists, list)
		}
	}
}

// readIssued reads the records: a folder of certificates, or an index.txt with
// the certificates beside it.
func (in *imported) readIssued(path string) error {
	if path == "" {
		return nil
	}
	info, err := in.Tree.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return in.readFolder(path)
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

// certExtensions are those of files that may hold a certificate.
var certExtensions = []string{".pem", ".crt", ".cer"}

// readFolder takes every certificate that the CA has signed, and counts the
// files in which there is none.
func (in *imported) readFolder(folder string) error {
	entries, err := in.Tree.ReadDir(folder)
	if err != nil {
		return err
	}
	others := 0
	for _, entry := range entries {
		if entry.IsDir() || !slices.Contains(certExtensions, filepath.Ext(entry.Name())) {
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
		in.note("%s: %s without a certificate of this CA passed over", folder, termtext.Count(others, "file", "files"))
	}
	return nil
}

// ownIn are the certificates of a file that the CA has signed, or one beside it in its
// file, its own among them if it signed itself. (A signature by SHA-1 counts: what it was
// good for once can be revoked.) A file that cannot be read may hold one: without its
// record nobody could revoke it by name.
func (in *imported) ownIn(path string) ([]*x509.Certificate, error) {
	certs, err := keypair.ReadCerts(in.Tree, path)
	if machine.Unread(err) || errors.Is(err, fs.ErrPermission) {
		return nil, err
	}
	return slices.DeleteFunc(certs, func(cert *x509.Certificate) bool {
		signedBy := func(ca *x509.Certificate) bool {
			own := bytes.Equal(cert.RawIssuer, ca.RawSubject)
			if own && cert.SignatureAlgorithm == x509.MD5WithRSA {
				in.unproven++
			}
			return own && ca.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
		}
		return !slices.ContainsFunc(in.Certificates, signedBy)
	}), nil
}

// take adds a record, unless it is the CA itself or there already. Of two
// certificates with one serial the first is kept: libvirt cannot tell them apart
// in a CRL either.
func (in *imported) take(cert *x509.Certificate) {
	if keypair.Contains(in.Certificates, cert) {
		return
	}
	serial := cert.SerialNumber.String()
	switch have := in.taken[serial]; {
	case have == nil:
		in.taken[serial] = cert
		in.records = append(in.records, cert)
	case !cert.Equal(have):
		in.note("serial %s was given twice, to %s and to %s: the first is recorded, and revoking it revokes both",
			store.SerialText(cert.SerialNumber), subject.Of(have), subject.Of(cert))
	}
}

// indexFolders are where openssl and easy-rsa keep SERIAL.pem, or .crt, beside
// index.txt.
var indexFolders = []string{"newcerts", "certs_by_serial", "revoked/certs_by_serial", "renewed/certs_by_serial", "certs", "."}

// readIndex takes revocations and records from the lines of an index.txt.
func (in *imported) readIndex(folder string, entries []pki.IndexEntry) error {
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
		in.note("the index names %s without a file beside it: revoke by serial what has no record", termtext.Count(missing, "certificate", "certificates"))
	}
	return nil
}

// findIndexed finds the certificate of an entry; it may be the CA's own. Of one that was
// revoked it may have been signed by an earlier generation of the CA: the record tells
// whom the revocation shuts out.
func (in *imported) findIndexed(folder string, entry pki.IndexEntry) (*x509.Certificate, error) {
	upper := store.SerialText(entry.Serial)
	for _, sub := range indexFolders {
		for _, name := range []string{upper + ".pem", upper + ".crt", strings.ToLower(upper) + ".pem"} {
			path := filepath.Join(folder, sub, name)
			certs, err := in.ownIn(path)
			if err == nil && len(certs) == 0 && !entry.Revoked.IsZero() {
				certs, _ = keypair.ReadCerts(in.Tree, path) // ownIn has told what cannot be read
			}
			i := slices.IndexFunc(certs, func(cert *x509.Certificate) bool { return cert.SerialNumber.Cmp(entry.Serial) == 0 })
			switch {
			case err != nil:
				return nil, err
			case i >= 0:
				return certs[i], nil
			}
		}
	}
	return nil, nil
}

// planImport plans the CA's folder.
func (e *env) planImport(j *change.Job, in *imported, keys *change.Keyring) error {
	var passphrase []byte
	if in.encrypted {
		passphrase = keys.Passphrase
	}
	keyPEM, err := pki.EncodeKey(in.CA.Signer, passphrase)
	if err != nil {
		return err
	}
	to := keypair.Dest{Layout: in.Layout, Owner: machine.Owner()}
	if err := hint.First(
		to.Write(&j.Plan, libvirt.CAKey, keyPEM),
		to.Write(&j.Plan, libvirt.CACert, pki.EncodeCertificates(in.Certificates...)),
	); err != nil {
		return err
	}
	for _, cert := range in.records {
		if err := in.Record(j, cert); err != nil {
			return err
		}
	}
	j.Made = append(j.Made, change.Placed{Cert: in.CA.Certificate, Path: in.Layout.Path(libvirt.CACert)})
	j.Notes = append(j.Notes, in.notes...)
	in.NoteTwins(j)
	if usage := in.CA.Certificate.KeyUsage; usage != 0 && usage&x509.KeyUsageCRLSign == 0 {
		j.Note("the CA's keyUsage lacks cRLSign: libvirt goes by its CRL all the same, other programs may not")
	}
	j.Did("%s recorded", termtext.Count(len(in.records), "certificate", "certificates"))
	return e.planImportedCRL(j, in)
}

// planImportedCRL keeps the CA's own list as it is, unless the index knows of
// more revocations, or the list is none to go on from: there is none, it has no
// number, its time has passed, or its signature is weak.
func (e *env) planImportedCRL(j *change.Job, in *imported) error {
	crl, word := in.Current, "taken over"
	if crl == nil || crl.Number == nil || len(in.revoked) > 0 || crl.NextUpdate.Before(e.here.Now()) || weakCRL(crl) {
		var err error
		if crl, err = in.NextCRL(e.here.Now(), in.revoked, nil, pki.DefaultCRLValidity); err != nil {
			return err
		}
		word = "made"
	}
	j.Did("CRL number %v %s: %s", crl.Number, word, termtext.Count(crl.Len(), "entry", "entries"))
	in.CRL = pki.EncodeCRL(append([]*pki.CRL{crl}, in.Lists...)...)
	return keypair.Dest{Layout: in.Layout, Owner: machine.Owner()}.Write(&j.Plan, libvirt.CACRL, in.CRL)
}
