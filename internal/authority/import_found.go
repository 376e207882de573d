package authority

import (
	"bytes"
	"crypto/x509"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	"virtpki/internal/keypair"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// maxFound is the number of files in a directory that virtpki looks at when nobody has named them
// as records.
const maxFound = 4096

// readFound records, without being asked, the other certificates that the CA has signed: those that
// are installed on m, and those that lie beside its own certificate and key or in an index there.
func (in *Import) readFound(m *machine.Machine, files ImportFiles) error {
	installed, err := Installed(m)
	if err := firstUnread(err); err != nil {
		return err
	}
	for _, p := range installed {
		for _, cert := range in.own(p.Cert) {
			in.take(cert)
		}
	}
	var seen []string
	beside := []string{in.Folder, filepath.Dir(files.Cert)}
	if files.Key != "" { // else it is in a device
		beside = append(beside, filepath.Dir(files.Key))
	}
	for _, folder := range beside {
		if slices.Contains(seen, folder) || folder == filepath.Clean(files.Issued) {
			continue
		}
		seen = append(seen, folder)
		if err := in.readBeside(folder); err != nil {
			return err
		}
		if files.Issued == "" {
			if err := in.readIndexBeside(folder); err != nil {
				return err
			}
		}
	}
	in.noteUnknown(files)
	return nil
}

// firstUnread returns the first of some errors that says that a file could not be read.
func firstUnread(err error) error {
	var several interface{ Unwrap() []error }
	if !errors.As(err, &several) {
		return nil
	}
	for _, one := range several.Unwrap() {
		if machine.Unread(one) {
			return one
		}
	}
	return nil
}

// readBeside takes over the certificates in a directory that the CA has signed. It skips files that
// this run may not read, and reports them.
func (in *Import) readBeside(folder string) error {
	entries, err := in.Tree.ReadDir(folder)
	if machine.Unread(err) {
		return err
	}
	if len(entries) > maxFound {
		in.note("%s has more than %d files, so the certificates in it were not recorded; name their directory with --issued", folder, maxFound)
		return nil
	}
	closed := 0
	for _, entry := range entries {
		if !mayHoldCert(entry) {
			continue
		}
		certs, err := in.ownIn(filepath.Join(folder, entry.Name()))
		switch {
		case errors.Is(err, fs.ErrPermission):
			closed++
		case err != nil:
			return err
		}
		for _, cert := range certs {
			in.take(cert)
		}
	}
	if closed > 0 {
		in.note("%s: %s could not be read", folder, termtext.Count(closed, "file", "files"))
	}
	return nil
}

// indexFile is the name under which openssl and easy-rsa list the certificates of a CA.
const indexFile = "index.txt"

// readIndexBeside takes over the index of openssl or easy-rsa in a directory. Nobody signs the
// revocations in it, so it must be a file that only root or this user can have written.
func (in *Import) readIndexBeside(folder string) error {
	files := in.Tree.OwnFiles(folder)
	defer files.Close()
	path := filepath.Join(folder, indexFile)
	data, err := files.Read(indexFile, store.MaxPEM)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case machine.Unread(err):
		return err
	case err != nil:
		in.note("%v: not imported; --issued %s imports it", err, termtext.ShellWord(path))
		return nil
	}
	entries, err := pki.ParseIndex(data)
	if err != nil {
		in.note("%s was not imported: %v", path, err)
		return nil
	}
	if !in.isIndexOf(folder, entries) {
		in.note("%s was not imported, because the certificates beside it do not show that it is this CA's: --issued %s imports it", path, termtext.ShellWord(path))
		return nil
	}
	in.indexed = true
	return in.readIndex(folder, entries)
}

// isIndexOf reports whether the certificates beside an index show that it is this CA's: one of its
// entries is a certificate that the CA has signed, and none is one of a CA with another name. The
// small serials of another CA in the same directory would revoke certificates of this one.
func (in *Import) isIndexOf(folder string, entries []pki.IndexEntry) bool {
	signed := len(entries) == 0
	for _, entry := range entries {
		for _, path := range indexedPaths(folder, entry) {
			certs, _ := keypair.ReadCerts(in.Tree, path) // findIndexed reports an unreadable file
			cert := withSerial(certs, entry)
			if cert == nil {
				continue
			}
			named := func(ca *x509.Certificate) bool { return bytes.Equal(cert.RawIssuer, ca.RawSubject) }
			if !slices.ContainsFunc(in.Certificates, named) {
				return false
			}
			signed = signed || len(in.own(cert)) > 0
		}
	}
	return signed
}

// leadsNowhere reports whether a name cannot lead to a file: a link to itself, a link to a name
// that is too long, a socket. Anyone can leave one in a shared directory.
func leadsNowhere(err error) bool {
	return errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENAMETOOLONG) || errors.Is(err, syscall.ENXIO)
}

// mayHoldCert reports whether the name of a file suggests that it may hold a certificate.
func mayHoldCert(entry fs.DirEntry) bool {
	return !entry.IsDir() && slices.Contains(certExtensions, filepath.Ext(entry.Name()))
}

// noteUnknown notes the facts that an import cannot know.
func (in *Import) noteUnknown(files ImportFiles) {
	nameless := 0
	for serial := range in.listed {
		if in.taken[serial] == nil {
			nameless++
		}
	}
	if nameless > 0 {
		in.note("%s revoked without a certificate here: sign cannot know which hosts or clients those are", termtext.Count(nameless, "serial is", "serials are"))
	}
	if files.Issued == "" && !in.indexed {
		in.note("virtpki knows no other certificates of this CA: record them with --issued, or revoke one by its file (virtpki revoke FILE)")
	}
}
