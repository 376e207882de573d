package fleet

import (
	"archive/tar"
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/batch"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/pki"
)

// shape is the layout of every bundle of a fleet: where in it each file lies. It is worked out
// once.
type shape struct {
	layout     libvirt.Layout // its base is below the bundle
	flat       bool
	sysconfdir string
	folders    []batch.Piece
	shared     []batch.Piece // the CA certificates and CRLs that every host has to trust
	top        fs.FileMode   // of the bundle itself
	parents    int           // directories that are the system's own
}

// newShape lays out the bundles. In one of the system's form every path is as it stands below
// /; a flat one is a single directory.
func newShape(m *machine.Machine, r Request) *shape {
	s := &shape{layout: libvirt.Flat(""), flat: r.Flat, sysconfdir: m.Sysconfdir, top: 0o700}
	if !s.flat {
		s.layout = libvirt.System(strings.Trim(m.Sysconfdir, "/")).WithMode(libvirt.ClientKey, r.ClientKey)
		s.top = s.layout.Parents
		s.addParents()
	}
	files := []libvirt.File{libvirt.CACert}
	for _, role := range r.Roles {
		files = append(files, libvirt.CertFile(string(role)), libvirt.KeyFile(string(role)))
	}
	seen := make(map[string]bool)
	for _, file := range files {
		for _, folder := range s.layout.FoldersFor(s.layout.Path(file)) {
			if folder.Path != "" && folder.Path != "." && !seen[folder.Path] {
				seen[folder.Path] = true
				s.folders = append(s.folders, batch.Piece{Path: folder.Path, Dir: true, Mode: folder.Mode})
			}
		}
	}
	return s
}

// addParents adds the directories above the layout, such as etc.
func (s *shape) addParents() {
	above := ""
	for _, part := range strings.Split(s.layout.Base, "/") {
		if part == "" {
			continue
		}
		above = path.Join(above, part)
		s.folders = append(s.folders, batch.Piece{Path: above, Dir: true, Mode: s.layout.Parents})
		s.parents++
	}
}

// share adds the CA's certificate and CRL to the layout.
func (s *shape) share(a *authority.Authority) {
	s.shared = []batch.Piece{s.file(libvirt.CACert, pki.EncodeCertificates(a.Certificates...))}
	if a.CRL != nil {
		s.shared = append(s.shared, s.file(libvirt.CACRL, a.CRL))
	}
}

func (s *shape) file(file libvirt.File, data []byte) batch.Piece {
	path, mode := s.layout.Place(file)
	return batch.Piece{Path: path, Mode: mode, Data: data}
}

// pair is a key and its certificate.
func (s *shape) pair(role pki.Role, key crypto.Signer, certPEM []byte) ([]batch.Piece, error) {
	data, err := pki.EncodeKey(key, nil)
	if err != nil {
		return nil, err
	}
	return []batch.Piece{
		s.file(libvirt.KeyFile(string(role)), data),
		s.file(libvirt.CertFile(string(role)), certPEM),
	}, nil
}

// bundle returns the directory of a host.
func (s *shape) bundle(name string, pairs []batch.Piece) batch.Bundle {
	pieces := make([]batch.Piece, 0, 1+len(s.folders)+len(pairs)+len(s.shared))
	pieces = append(pieces, batch.Piece{Dir: true, Mode: s.top})
	pieces = append(append(append(pieces, s.folders...), pairs...), s.shared...)
	return batch.Bundle{Name: name, Pieces: pieces}
}

// appendTar writes a bundle into an archive, each path below a directory. If below is empty,
// the bundle itself and the system's own directories get no entries. Every entry belongs to
// root, as the files will on the host.
func (s *shape) appendTar(w *tar.Writer, b batch.Bundle, below string, now time.Time) error {
	for i, p := range b.Pieces {
		if below == "" && i <= s.parents {
			continue
		}
		if err := p.AppendTar(w, path.Join(below, p.Path), now); err != nil {
			return fmt.Errorf("archiving %s: %w", b.Name, err)
		}
	}
	return nil
}

// archive returns a bundle as an archive of its own. That of a flat one holds a directory; that
// of a tree unpacks onto /.
func (s *shape) archive(b batch.Bundle, now time.Time) (batch.Bundle, error) {
	data, err := s.tarBytes(b, s.below(b.Name), now, true)
	return batch.Bundle{Name: b.Name + tarSuffix, Pieces: []batch.Piece{{Mode: 0o600, Data: data}}}, err
}

// below returns the directory in which the archive of one host holds its files.
func (s *shape) below(name string) string {
	if s.flat {
		return name
	}
	return ""
}

// tarBytes returns a bundle in the form of an archive, or of a part of one.
func (s *shape) tarBytes(b batch.Bundle, below string, now time.Time, end bool) ([]byte, error) {
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	if err := s.appendTar(w, b, below, now); err != nil {
		return nil, err
	}
	finish := w.Flush
	if end {
		finish = w.Close
	}
	err := finish()
	return buffer.Bytes(), err
}

const tarSuffix = ".tar"

// recordOf returns the CA's record of a certificate.
func recordOf(cert *x509.Certificate) batch.Record {
	return batch.Record{Serial: cert.SerialNumber, Data: pki.EncodeCertificates(cert)}
}
