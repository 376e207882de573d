package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/libvirt"
	"virtpki/internal/store"
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
the certificates are looked for beside it.

A CA that libvirt cannot live with is refused, and it is said why. The files that
are read stay as they are. Afterwards sign and revoke with virtpki alone.`

const caImportExample = `  virtpki ca import --cert cacert.pem --key cakey.pem
  virtpki ca import --cert pki/ca.crt --key pki/private/ca.key --crl pki/crl.pem --issued pki/index.txt`

func newCAImport(e *env, g *globals) *cobra.Command {
	o := &importOptions{}
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
	authority
	encrypted bool
	records   []*x509.Certificate
	revoked   []x509.RevocationListEntry // of the index, beyond the CRL
	notes     []string
}

func (e *env) caImport(ctx context.Context, g *globals, o *importOptions) error {
	if err := e.checkClock(); err != nil {
		return err
	}
	keys := e.newKeyring(g)
	in, err := e.readImport(g, o, keys)
	if err != nil {
		return err
	}
	return e.change(ctx, g, []string{g.caFolder()}, func(j *job) error {
		if err := e.refuseExisting(g); err != nil {
			return err
		}
		return e.planImport(j, in, keys)
	})
}

// readImport reads and checks everything before a byte is written.
func (e *env) readImport(g *globals, o *importOptions, keys *keyring) (*imported, error) {
	in := &imported{authority: authority{folder: g.caFolder(), layout: libvirt.CA(g.caFolder())}}
	if err := e.readImportedCA(in, o, keys); err != nil {
		return nil, err
	}
	if err := in.readCRL(o.crl); err != nil {
		return nil, err
	}
	return in, in.readIssued(o.issued)
}

// readImportedCA reads certificate and key, and checks that libvirt can live
// with them.
func (e *env) readImportedCA(in *imported, o *importOptions, keys *keyring) error {
	certs, err := readCerts(o.cert)
	if err != nil {
		return err
	}
	data, err := store.ReadFile(o.key, store.MaxPEM)
	if err != nil {
		return err
	}
	in.encrypted = pki.Encrypted(data)
	signer, err := keys.openCA(o.key)
	if err != nil {
		return err
	}
	mine := slices.IndexFunc(certs, func(cert *x509.Certificate) bool { return pki.KeyMatches(cert, signer) })
	if mine < 0 {
		return fmt.Errorf("%s: not the key of any certificate in %s", o.key, o.cert)
	}
	in.ca = pki.CA{Certificate: certs[mine], Signer: signer}
	in.bundle = append([]*x509.Certificate{certs[mine]}, slices.Delete(slices.Clone(certs), mine, mine+1)...)
	if err := libvirt.CheckBundle(len(pki.EncodeCertificates(in.bundle...)), in.bundle, e.now()); err != nil {
		return withHint(fmt.Errorf("%s: %w", o.cert, err), "libvirtd would not start on it")
	}
	return nil
}

// readCRL takes the CA's own list out of a file.
func (in *imported) readCRL(path string) error {
	if path == "" {
		return nil
	}
	data, err := store.ReadFile(path, store.MaxPEM)
	if err != nil {
		return err
	}
	crls, err := pki.ParseCRLs(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if in.current = newestOf(crls, in.ca.Certificate); in.current == nil {
		return fmt.Errorf("%s: no CRL that %s has signed", path, dnOf(in.ca.Certificate))
	}
	return nil
}

// readIssued reads the records: a folder of certificates, or an index.txt with
// the certificates beside it.
func (in *imported) readIssued(path string) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return in.readFolder(path)
	}
	data, err := store.ReadFile(path, store.MaxPEM)
	if err != nil {
		return err
	}
	entries, err := pki.ParseIndex(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	in.readIndex(filepath.Dir(path), entries)
	return nil
}

// readFolder takes every certificate that the CA has signed, and counts what is
// none.
func (in *imported) readFolder(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	others := 0
	for _, entry := range entries {
		if entry.IsDir() || !slices.Contains([]string{".pem", ".crt", ".cer"}, filepath.Ext(entry.Name())) {
			continue
		}
		if cert := in.signedIn(filepath.Join(folder, entry.Name())); cert != nil {
			in.records = append(in.records, cert)
		} else {
			others++
		}
	}
	if others > 0 {
		in.notes = append(in.notes, fmt.Sprintf("%s: %d files hold no certificate that this CA has signed", folder, others))
	}
	return nil
}

// signedIn is the first certificate of a file if the CA has signed it.
func (in *imported) signedIn(path string) *x509.Certificate {
	certs, err := readCerts(path)
	if err != nil || certs[0].CheckSignatureFrom(in.ca.Certificate) != nil || bytes.Equal(certs[0].Raw, in.ca.Certificate.Raw) {
		return nil
	}
	return certs[0]
}

// indexFolders are where openssl and easy-rsa keep SERIAL.pem, beside index.txt.
var indexFolders = []string{"newcerts", "certs_by_serial", "certs", "."}

// readIndex takes revocations and records from the lines of an index.txt.
func (in *imported) readIndex(folder string, entries []pki.IndexEntry) {
	missing := 0
	for _, entry := range entries {
		if cert := in.findIndexed(folder, entry.Serial); cert != nil {
			in.records = append(in.records, cert)
		} else {
			missing++
		}
		if entry.Revoked.IsZero() || in.hasRevoked(entry.Serial) {
			continue
		}
		in.revoked = append(in.revoked, x509.RevocationListEntry{SerialNumber: entry.Serial, RevocationTime: entry.Revoked, ReasonCode: int(entry.Reason)})
	}
	if missing > 0 {
		in.notes = append(in.notes, fmt.Sprintf("the index names %d certificates of which there is no file beside it: they can be revoked by serial alone", missing))
	}
}

func (in *imported) hasRevoked(serial *big.Int) bool {
	_, listed := in.findRevoked(serial)
	return listed || slices.ContainsFunc(in.revoked, func(have x509.RevocationListEntry) bool { return have.SerialNumber.Cmp(serial) == 0 })
}

func (in *imported) findIndexed(folder string, serial *big.Int) *x509.Certificate {
	for _, sub := range indexFolders {
		for _, name := range []string{store.SerialText(serial), strings.ToLower(store.SerialText(serial))} {
			if cert := in.signedIn(filepath.Join(folder, sub, name+".pem")); cert != nil {
				return cert
			}
		}
	}
	return nil
}

// planImport plans the CA's folder.
func (e *env) planImport(j *job, in *imported, keys *keyring) error {
	var passphrase []byte
	if in.encrypted {
		passphrase = keys.passphrase
	}
	keyPEM, err := pki.EncodeKey(in.ca.Signer, passphrase)
	if err != nil {
		return err
	}
	to := target{in.layout, owner()}
	if err := firstOf(
		to.write(&j.plan, libvirt.CAKey, keyPEM),
		to.write(&j.plan, libvirt.CACert, pki.EncodeCertificates(in.bundle...)),
	); err != nil {
		return err
	}
	for _, cert := range in.records {
		if err := in.record(j, cert); err != nil {
			return err
		}
	}
	j.made = append(j.made, placed{in.ca.Certificate, in.layout.Path(libvirt.CACert)})
	j.notes = append(j.notes, in.notes...)
	in.noteTwins(j)
	j.did("%s recorded", countOf(len(in.records), "certificate", "certificates"))
	return e.planImportedCRL(j, in)
}

// planImportedCRL keeps the CA's own list as it is, unless the index knows of
// more revocations or there was none.
func (e *env) planImportedCRL(j *job, in *imported) error {
	if in.current != nil && len(in.revoked) == 0 {
		j.did("CRL number %v taken over: %s", in.current.Number, countOf(in.current.Len(), "entry", "entries"))
		return target{in.layout, owner()}.write(&j.plan, libvirt.CACRL, pki.EncodeCRL(in.current))
	}
	crl, err := in.nextCRL(e.now(), in.revoked, pki.DefaultCRLValidity)
	if err != nil {
		return err
	}
	j.did("CRL number %v made: %s", crl.Number, countOf(crl.Len(), "entry", "entries"))
	return target{in.layout, owner()}.write(&j.plan, libvirt.CACRL, pki.EncodeCRL(crl))
}
