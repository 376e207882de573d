package batch

import (
	"archive/tar"
	"bytes"
	"path"
	"time"
)

// AppendTar writes a directory or file into an archive under a name. Everything belongs to
// root, who will own it on the host.
func (p Piece) AppendTar(w *tar.Writer, name string, now time.Time) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(p.Mode.Perm()), Size: int64(len(p.Data)),
		Uname: "root", Gname: "root", ModTime: now.UTC().Truncate(time.Second)}
	if p.Dir {
		header.Typeflag, header.Name = tar.TypeDir, name+"/"
	}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err := w.Write(p.Data)
	return err
}

// TarBytes returns an archive of pieces below one directory.
func TarBytes(below string, pieces []Piece, now time.Time) ([]byte, error) {
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	for _, p := range pieces {
		if err := p.AppendTar(w, path.Join(below, p.Path), now); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return buffer.Bytes(), err
}
