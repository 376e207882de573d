package store

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"path/filepath"
	"strings"
)

// RecordPath returns the path at which a CA keeps the certificate with this serial, below its
// directory of records: the serial in hexadecimal, as OpenSSL names such files.
func RecordPath(folder string, serial *big.Int) string {
	return filepath.Join(folder, RecordName(SerialText(serial)))
}

// RecordName is the name of the file.
func RecordName(serial string) string { return serial + ".pem" }

// SerialText prints a serial in upper-case hexadecimal with an even number of
// digits.
func SerialText(serial *big.Int) string {
	text := fmt.Sprintf("%X", serial)
	if len(text)%2 == 1 {
		text = "0" + text
	}
	return text
}

// RecordFile is the file of one certificate in a CA's directory of records.
type RecordFile struct {
	Serial *big.Int
	Path   string
}

// RecordFiles lists a CA's directory of records by the names of its files. If a name is not a
// serial, RecordFiles reads the file for it. A missing directory holds none.
func (t Tree) RecordFiles(folder string) ([]RecordFile, error) {
	paths, err := t.recordPaths(folder)
	files := make([]RecordFile, 0, len(paths))
	for _, path := range paths {
		serial, ok := new(big.Int).SetString(strings.TrimSuffix(filepath.Base(path), recordSuffix), 16)
		if !ok {
			cert, err := t.ReadRecord(path)
			if err != nil {
				return nil, err
			}
			serial = cert.SerialNumber
		}
		files = append(files, RecordFile{serial, path})
	}
	return files, err
}

const recordSuffix = ".pem"

func (t Tree) recordPaths(folder string) ([]string, error) {
	entries, err := t.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var paths []string
	for _, entry := range entries {
		if name := entry.Name(); strings.HasSuffix(name, recordSuffix) && !strings.HasPrefix(name, ".") {
			paths = append(paths, filepath.Join(folder, name))
		}
	}
	return paths, err
}

// Records reads every certificate in a CA's directory of records. A missing directory holds
// none. Beside the certificates that it could read, Records returns one joined error for the
// files that do not hold a certificate.
func (t Tree) Records(folder string) ([]*x509.Certificate, error) {
	paths, err := t.recordPaths(folder)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	var errs []error
	for _, path := range paths {
		cert, err := t.ReadRecord(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		certs = append(certs, cert)
	}
	return certs, errors.Join(errs...)
}

// ReadRecord reads one certificate of a CA's records.
func (t Tree) ReadRecord(path string) (*x509.Certificate, error) {
	data, err := t.ReadFile(path, MaxPEM)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s: no certificate in PEM form", path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return cert, nil
}
