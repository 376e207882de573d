package store

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"path/filepath"
	"unicode/utf16"

	"golang.org/x/sys/unix"

	"virtpki/internal/safedir"
)

// RecordsNaming is [Tree.Records] of the certificates that hold one of some texts, such as a CN. It
// only parses these, and reads each of the others in three system calls: a CA can have 100,000
// records.
func (t Tree) RecordsNaming(folder string, texts ...string) ([]*x509.Certificate, error) {
	paths, err := t.recordPaths(folder)
	if err != nil || len(paths) == 0 {
		return nil, err
	}
	dir, err := t.Open(folder)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var certs []*x509.Certificate
	var errs []error
	here, buffer, forms := int(dir.Fd()), make([]byte, MaxPEM), formsOf(texts)
	for _, path := range paths {
		if der := glance(here, filepath.Base(path), buffer); der != nil && !holdsAny(der, forms) {
			continue
		}
		switch cert, err := t.ReadRecord(path); {
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile
		case err != nil:
			errs = append(errs, err)
		default:
			certs = append(certs, cert)
		}
	}
	return certs, errors.Join(errs...)
}

// glance reads the certificate in a small PEM file of a directory. It returns nil for everything
// that is not one, and for a link: [Tree.ReadRecord] says what that is.
func glance(dir int, name string, buffer []byte) []byte {
	fd, err := safedir.OpenAt(dir, name, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	n := 0
	err = safedir.UntilDone(func() error {
		n, err = unix.Read(fd, buffer)
		return err
	})
	if err != nil || n == len(buffer) {
		return nil
	}
	block, _ := pem.Decode(buffer[:n])
	if block == nil {
		return nil
	}
	return block.Bytes
}

// formsOf returns the bytes of texts in a certificate: those of a UTF8String, which are also those
// of a PrintableString, and those of a BMPString (X.690 section 8.23).
func formsOf(texts []string) (forms [][]byte) {
	for _, text := range texts {
		var wide []byte
		for _, unit := range utf16.Encode([]rune(text)) {
			wide = append(wide, byte(unit>>8), byte(unit))
		}
		forms = append(forms, []byte(text), wide)
	}
	return forms
}

func holdsAny(der []byte, forms [][]byte) bool {
	for _, form := range forms {
		if bytes.Contains(der, form) {
			return true
		}
	}
	return false
}
