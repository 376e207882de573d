package main

import (
	"bytes"
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
	"strings"

	"virtpki/internal/authority"
	"virtpki/internal/certinfo"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

// fleetCert is a certificate of a bundle.
type fleetCert struct {
	Host string `json:"host"` // the name of the bundle
	certinfo.Info
}

// listFleet tells of every certificate in a folder of bundles, soonest end first. What
// could not be read is an error, after the rest.
func (e *env) listFleet(m *machine.Machine, folder, format string) error {
	certs, err := e.fleetCerts(m, folder)
	if len(certs) == 0 {
		return err
	}
	return hint.First(e.printFleet(certs, format), err)
}

func (e *env) printFleet(certs []fleetCert, format string) error {
	switch format {
	case "json":
		return e.printJSON(certs)
	case "prometheus":
		infos := make([]certinfo.Info, len(certs))
		for i, c := range certs {
			infos[i] = c.Info
		}
		_, err := e.stdout.Write(fleetMetrics(infos))
		return err
	}
	rows := [][]string{{"HOST", "ROLE", "UNTIL", "DN", "NAMES", "SERIAL"}}
	for _, c := range certs {
		rows = append(rows, []string{c.Host, c.RoleText(), c.Until(), c.DN, c.Names(), c.Serial})
	}
	return e.printTable(rows)
}

// fleetMetrics returns what Prometheus's text collector reads: the same family as
// that of renew.
func fleetMetrics(certs []certinfo.Info) []byte {
	var b bytes.Buffer
	var ends []certinfo.Expiry
	for _, c := range certs {
		ends = append(ends, certinfo.Expiry{Role: c.RoleText(), Path: c.Path, DN: c.DN, NotAfter: c.NotAfter})
	}
	certinfo.Expiries(&b, "End of a certificate", ends)
	return b.Bytes()
}

// fleetCerts reads the bundles of a folder, or of one archive. The error tells of
// those that could not be read; the rest is there all the same.
func (e *env) fleetCerts(m *machine.Machine, folder string) ([]fleetCert, error) {
	r := &fleetReader{e: e, tree: m.Tree(), places: certPlaces(m)}
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
	slices.SortFunc(r.certs, func(a, b fleetCert) int {
		return cmp.Or(a.NotAfter.Compare(b.NotAfter), cmp.Compare(a.Host, b.Host), cmp.Compare(a.RoleText(), b.RoleText()))
	})
	if err == nil && len(r.certs) == 0 && len(r.errs) == 0 {
		err = fmt.Errorf("%s: no bundle in it", folder)
	}
	return r.certs, errors.Join(err, r.firstErrors())
}

// certPlaces are the paths below a bundle at which certificates may lie.
func certPlaces(m *machine.Machine) []string {
	var places []string
	for _, layout := range []libvirt.Layout{libvirt.System(strings.Trim(m.Sysconfdir, "/")), libvirt.Flat("")} {
		places = append(places, layout.Path(libvirt.ServerCert), layout.Path(libvirt.ClientCert))
	}
	return places
}

// fleetReader gathers certificates.
type fleetReader struct {
	e         *env
	tree      store.Tree
	places    []string
	revokedOn func(*x509.Certificate) string
	certs     []fleetCert
	errs      []error
}

// readFolder reads every bundle of a folder, on all processors.
func (r *fleetReader) readFolder(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(entry fs.DirEntry) bool {
		isBundle := entry.IsDir() || strings.HasSuffix(entry.Name(), tarSuffix)
		return !isBundle || strings.HasPrefix(entry.Name(), ".")
	})
	type read struct {
		certs []fleetCert
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
	return inOrder(context.Background(), len(entries), runtime.GOMAXPROCS(0), 256, work, func(_ int, one read) error {
		r.certs = append(r.certs, one.certs...)
		if one.err != nil {
			r.errs = append(r.errs, one.err)
		}
		return nil
	})
}

// isBundle reports whether a folder is the bundle of one host.
func (r *fleetReader) isBundle(folder string) bool {
	return slices.ContainsFunc(r.places, func(place string) bool { return store.At(folder).Exists(filepath.Join(folder, place)) })
}

// bundleName is the host of a bundle that is named itself.
func bundleName(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	return strings.TrimSuffix(filepath.Base(path), tarSuffix)
}

// readBundle reads the certificates of a folder or an archive of one host.
func (r *fleetReader) readBundle(path, host string) ([]fleetCert, error) {
	files, err := openBundle(path, "")
	if err != nil {
		return nil, err
	}
	var certs []fleetCert
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
func (r *fleetReader) readArchive(path string) error {
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
func (r *fleetReader) add(to []fleetCert, host, path string, data []byte) ([]fleetCert, error) {
	certs, err := keypair.ParseCerts(path, data)
	for _, cert := range certs {
		info := certinfo.Of(cert, path, r.e.here.Now())
		info.Revoked = r.revokedOn(cert)
		to = append(to, fleetCert{host, info})
	}
	return to, err
}

// firstErrors are the first of many errors.
func (r *fleetReader) firstErrors() error {
	const most = 5
	if len(r.errs) <= most {
		return errors.Join(r.errs...)
	}
	return errors.Join(append(r.errs[:most:most], fmt.Errorf("and %s", termtext.Count(len(r.errs)-most, "other", "others")))...)
}
