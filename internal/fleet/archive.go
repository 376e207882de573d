package fleet

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"virtpki/internal/batch"
	"virtpki/internal/hint"
	"virtpki/internal/store"
	"virtpki/pki"
)

// makeArchive makes one archive of all bundles, in the order of the list.
func (f *fleet) makeArchive(ctx context.Context, list *Hosts) (*Report, error) {
	f.tally.start(len(list.hosts), nil)
	if f.r.DryRun {
		return f.dryReport(list, make([]bool, len(list.hosts)))
	}
	if f.r.ToStdout() {
		return f.end(f.streamArchive(ctx, list))
	}
	folder := filepath.Dir(f.r.Out)
	if done, err := f.archiveThere(list); err != nil || done && !f.interrupted(folder, filepath.Base(f.r.Out)) {
		return f.reportUnless(err)
	}
	lock, err := f.lockOut(ctx, folder)
	if err != nil {
		return nil, err
	}
	defer lock.Release()
	switch done, err := f.archiveThere(list); {
	case err != nil:
		return nil, err
	case done:
		return f.reportUnless(f.sweep(ctx, folder))
	}
	for {
		err = f.fillArchive(ctx, list, folder)
		if !errors.Is(err, errCAChanged) {
			return f.end(err)
		}
		if err := hint.First(f.loadCA(), f.check(list)); err != nil {
			return nil, err
		}
	}
}

// archiveThere checks an existing archive: it is kept if it is the one that would be made, and
// any other is an error.
func (f *fleet) archiveThere(list *Hosts) (bool, error) {
	file, err := store.OpenThere(f.r.Out)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	found, err := f.matching(file, list, func(*x509.Certificate) bool { return true })
	if err != nil {
		err = fmt.Errorf("there is %s already: %w", f.r.Out, err)
	} else if found.hosts < len(list.hosts) || found.more {
		err = fmt.Errorf("there is already %s, and it is not for these hosts", f.r.Out)
	}
	if err != nil {
		return false, hint.With(err, "remove it, or choose another --out")
	}
	f.tally.There = found.hosts
	return true, nil
}

// fillArchive resumes the archive that a killed run has staged.
func (f *fleet) fillArchive(ctx context.Context, list *Hosts, folder string) error {
	name := filepath.Base(f.r.Out)
	w, err := f.open(ctx, folder, name)
	if err != nil {
		return err
	}
	defer w.Close()
	var archive *batch.Archive
	err = f.withCA(ctx, func() error {
		archive, err = w.OpenArchive(name)
		return err
	})
	if err != nil {
		return err
	}
	defer archive.Close()
	kept, err := f.resume(ctx, w, archive, list)
	if err != nil {
		return err
	}
	f.tally.There = kept - f.tally.Made
	out := newTarStream(f, archive)
	apply := func(ready []made) error {
		if err := out.write(ready); err != nil {
			return errors.Join(err, archive.Undo())
		}
		return archive.Commit(madeOf(ready))
	}
	if err := f.makeStream(ctx, list, list.hosts[kept:], apply); err != nil {
		return err
	}
	return hint.First(out.close(), archive.Finish())
}

// resume keeps the hosts that a killed run has made, and drops everything after them.
func (f *fleet) resume(ctx context.Context, w *batch.Writer, archive *batch.Archive, list *Hosts) (kept int, err error) {
	recorded := func(cert *x509.Certificate) bool { return w.Recorded(store.SerialText(cert.SerialNumber)) }
	found, _ := f.matching(archive, list, recorded) // a torn end is cut off
	if err := archive.Keep(found.size); err != nil {
		return 0, err
	}
	return found.hosts, f.withCA(ctx, func() error { return w.Forget(found.serials) })
}

// sweep removes the staged files of a run that had finished the archive.
func (f *fleet) sweep(ctx context.Context, folder string) error {
	w, err := f.open(ctx, folder, filepath.Base(f.r.Out))
	if err != nil {
		return err
	}
	return hint.First(f.withCA(ctx, w.Sweep), w.Close())
}

// streamArchive writes the archive to stdout. When it is interrupted, the bundles already
// written are recorded, but the archive cannot be resumed.
func (f *fleet) streamArchive(ctx context.Context, list *Hosts) error {
	w, err := f.open(ctx, f.m.CAPath(), fleetName)
	if err != nil {
		return err
	}
	defer w.Close()
	out := newTarStream(f, f.r.Stdout)
	apply := func(ready []made) error {
		return hint.First(w.Record(madeOf(ready)), out.write(ready))
	}
	if err := f.makeStream(ctx, list, list.hosts, apply); err != nil {
		return err
	}
	return out.close()
}

// makeStream makes hosts on all processors and applies them in batches, in order.
func (f *fleet) makeStream(ctx context.Context, list *Hosts, hosts []hostLine, apply func([]made) error) error {
	return f.inBatches(ctx, hosts, apply, func(h hostLine) (made, error) {
		m, err := f.makeHost(h)
		return m, list.at(h, err)
	})
}

// tarStream writes bundles into one archive, a directory for each.
type tarStream struct {
	f       *fleet
	buffer  *bufio.Writer
	archive *tar.Writer
}

func newTarStream(f *fleet, to io.Writer) *tarStream {
	buffer := bufio.NewWriterSize(to, 64<<10)
	return &tarStream{f, buffer, tar.NewWriter(buffer)}
}

func (s *tarStream) write(ready []made) error {
	for _, m := range ready {
		if err := s.f.shape.appendTar(s.archive, m.bundle, m.bundle.Name, s.f.m.Now()); err != nil {
			return err
		}
	}
	return hint.First(s.archive.Flush(), s.buffer.Flush())
}

func (s *tarStream) close() error { return hint.First(s.archive.Close(), s.buffer.Flush()) }

// archivedHost is one host's part of an archive.
type archivedHost struct {
	name  string
	files map[string][]byte // by their paths in the bundle
	end   int64             // offset of its end in the archive, in bytes
}

// archived describes the hosts at the beginning of a list that an archive already has.
type archived struct {
	hosts   int
	size    int64           // offset of the end of the last one, in bytes
	serials map[string]bool // of their certificates
	more    bool            // something else comes after them
}

func (f *fleet) matching(r io.Reader, list *Hosts, recorded func(*x509.Certificate) bool) (archived, error) {
	m := archived{serials: make(map[string]bool)}
	err := eachArchived(r, func(h archivedHost) error {
		if m.more = m.more || m.hosts == len(list.hosts) || !f.matches(h, list.hosts[m.hosts], recorded); m.more {
			return nil
		}
		m.hosts, m.size = m.hosts+1, h.end
		for _, cert := range leafsIn(h.files) {
			m.serials[store.SerialText(cert.SerialNumber)] = true
		}
		return nil
	})
	return m, err
}

func (f *fleet) matches(h archivedHost, line hostLine, recorded func(*x509.Certificate) bool) bool {
	ids, err := f.identitiesOf(line)
	if err != nil || ids[0].Name != h.name {
		return false
	}
	files := func(path string) ([]byte, error) {
		if data, ok := h.files[path]; ok {
			return data, nil
		}
		return nil, fs.ErrNotExist
	}
	if f.checkThere(files, ids) != nil {
		return false
	}
	for _, cert := range leafsIn(h.files) {
		if !recorded(cert) {
			return false
		}
	}
	return true
}

// leafsIn reads the leaf certificates among files.
func leafsIn(files map[string][]byte) []*x509.Certificate {
	var certs []*x509.Certificate
	for _, data := range files {
		for der := range pki.CertificateBlocks(data) {
			if cert, err := x509.ParseCertificate(der); err == nil && !cert.IsCA {
				certs = append(certs, cert)
			}
		}
	}
	return certs
}

// counter counts the bytes that are read through it.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// tarBlock is the size to which every entry of an archive is padded.
const tarBlock = 512

// tarError words the errors of archive/tar. first is true if no whole entry was read before.
func tarError(err error, first bool) error {
	switch {
	case errors.Is(err, tar.ErrHeader) && first:
		return errors.New("no tar archive")
	case errors.Is(err, io.ErrUnexpectedEOF) && first:
		return errors.New("not a tar archive, or the first bytes of one")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the archive is truncated")
	}
	return err
}

// eachArchived calls visit with each host of an archive that has a directory for each. It
// visits the incomplete last host of a torn archive too.
func eachArchived(r io.Reader, visit func(archivedHost) error) error {
	count := &counter{r: r}
	archive := tar.NewReader(count)
	host := archivedHost{}
	for {
		header, err := archive.Next()
		name, rest := "", ""
		if err == nil {
			name, rest, _ = strings.Cut(path.Clean(header.Name), "/")
		}
		if name != host.name && host.name != "" {
			if err := visit(host); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return tarError(err, count.n <= tarBlock)
		}
		if name != host.name {
			host = archivedHost{name: name, files: make(map[string][]byte)}
		}
		if header.Typeflag == tar.TypeReg {
			data, err := io.ReadAll(io.LimitReader(archive, maxArchived))
			if err != nil {
				return errors.Join(tarError(err, false), visit(host))
			}
			host.files[rest] = data
		}
		host.end = (count.n + tarBlock - 1) / tarBlock * tarBlock
	}
}
