package fleet

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/certinfo"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

// Cert is a certificate of a bundle.
type Cert struct {
	Host string `json:"host"` // the name of the bundle
	certinfo.Info
}

// Certs are the certificates of bundles.
type Certs []Cert

// Infos returns them without their hosts.
func (certs Certs) Infos() certinfo.List {
	infos := make(certinfo.List, len(certs))
	for i, c := range certs {
		infos[i] = c.Info
	}
	return infos
}

// Text returns a table of them.
func (certs Certs) Text() termtext.Text {
	rows := [][]string{{"HOST", "ROLE", "UNTIL", "DN", "NAMES", "SERIAL"}}
	for _, c := range certs {
		rows = append(rows, []string{c.Host, c.RoleText(), c.Until(), c.DN, c.Names(), c.Serial})
	}
	return termtext.Table(rows)
}

// Read returns the certificates in the bundles of a directory, or of one archive, soonest end
// first. The error names the bundles that could not be read; the certificates of the others are
// returned all the same.
func Read(m *machine.Machine, folder string) (Certs, error) {
	r := &reader{now: m.Now(), tree: m.Tree(), places: certPlaces(m)}
	var err error
	if r.revokedOn, err = authority.RevokedOn(m); err != nil {
		return nil, err
	}
	info, err := os.Stat(folder)
	if err == nil && !info.IsDir() {
		err = r.readArchive(folder)
	} else if err == nil && r.isBundle(folder) {
		r.certs, err = r.readBundle(folder, bundleName(folder))
	} else if err == nil {
		err = r.readFolder(folder)
	}
	sort.Slice(r.certs, func(i, j int) bool {
		a, b := &r.certs[i], &r.certs[j]
		return cmp.Or(a.NotAfter.Compare(b.NotAfter), cmp.Compare(a.Host, b.Host), cmp.Compare(a.RoleText(), b.RoleText())) < 0
	})
	if err == nil && len(r.certs) == 0 && len(r.errs) == 0 {
		err = fmt.Errorf("%s: no bundle in it", folder)
	}
	return r.certs, errors.Join(err, r.firstErrors())
}

// certPlaces returns the paths below a bundle at which certificates may lie.
func certPlaces(m *machine.Machine) []string {
	var places []string
	for _, layout := range []libvirt.Layout{libvirt.System(strings.Trim(m.Sysconfdir, "/")), libvirt.Flat("")} {
		places = append(places, layout.Path(libvirt.ServerCert), layout.Path(libvirt.ClientCert))
	}
	return places
}

// reader gathers certificates.
type reader struct {
	now       time.Time
	tree      store.Tree
	places    []string
	revokedOn func(*x509.Certificate) string
	certs     []Cert
	errs      []error
}

// readFolder reads every bundle of a directory, on all processors.
func (r *reader) readFolder(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(entry fs.DirEntry) bool {
		isBundle := entry.IsDir() || strings.HasSuffix(entry.Name(), tarSuffix)
		return !isBundle || strings.HasPrefix(entry.Name(), ".")
	})
	type read struct {
		certs []Cert
		err   error
	}
	work := func(i int) (read, error) {
		name := entries[i].Name()
		host := name
		if !entries[i].IsDir() {
			host = strings.TrimSuffix(name, tarSuffix)
		}
		certs, err := r.readBundle(filepath.Join(folder, name), host)
		return read{certs, err}, nil
	}
	return inOrder(context.Background(), len(entries), lanes{runtime.GOMAXPROCS(0), 256}, work, func(_ int, one read) error {
		r.certs = append(r.certs, one.certs...)
		if one.err != nil {
			r.errs = append(r.errs, one.err)
		}
		return nil
	})
}

// isBundle reports whether a directory is the bundle of one host.
func (r *reader) isBundle(folder string) bool {
	return slices.ContainsFunc(r.places, func(place string) bool { return store.At(folder).Exists(filepath.Join(folder, place)) })
}

// bundleName is the host of a bundle that is named itself.
func bundleName(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	return strings.TrimSuffix(filepath.Base(path), tarSuffix)
}

// readBundle reads the certificates of one host from a directory or an archive.
func (r *reader) readBundle(path, host string) ([]Cert, error) {
	files, err := openBundle(path, "")
	if err != nil {
		return nil, err
	}
	var certs []Cert
	var errs []error
	for _, place := range r.places {
		data, err := files(place)
		if errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(path, tarSuffix) {
			data, err = files(filepath.Join(host, place))
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			certs, err = r.add(certs, host, filepath.Join(path, place), data)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	if len(certs)+len(errs) == 0 {
		return nil, fmt.Errorf("%s: no certificate of a host in it", path)
	}
	return certs, errors.Join(errs...)
}

// readArchive reads one archive of many hosts.
func (r *reader) readArchive(path string) error {
	file, err := r.tree.Open(path) // never waits for a FIFO
	if err != nil {
		return err
	}
	defer file.Close()
	err = eachArchived(file, func(h archivedHost) error {
		for _, place := range r.places {
			host, in := h.name, filepath.Join(h.name, place)
			data, ok := h.files[place]
			if below, whole := strings.CutPrefix(place, h.name+"/"); !ok && whole { // of one host, to be unpacked onto its /
				data, ok = h.files[below]
				host, in = bundleName(path), place
			}
			if !ok {
				continue
			}
			var err error
			if r.certs, err = r.add(r.certs, host, filepath.Join(path, in), data); err != nil {
				r.errs = append(r.errs, err)
			}
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return err
}

// add describes the certificates of a file.
func (r *reader) add(to []Cert, host, path string, data []byte) ([]Cert, error) {
	certs, err := keypair.ParseCerts(path, data)
	for _, cert := range certs {
		info := certinfo.Of(cert, path, r.now)
		info.Revoked = r.revokedOn(cert)
		to = append(to, Cert{host, info})
	}
	return to, err
}

// firstErrors are the first of many errors.
func (r *reader) firstErrors() error {
	const most = 5
	if len(r.errs) <= most {
		return errors.Join(r.errs...)
	}
	return errors.Join(append(r.errs[:most:most], fmt.Errorf("and %s", termtext.Count(len(r.errs)-most, "other", "others")))...)
}
