package fleet

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/authority"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// bundleFiles reads the files of a bundle, a directory or an archive, by their paths in it. A
// file that is not there is fs.ErrNotExist.
type bundleFiles func(path string) ([]byte, error)

// folderFiles reads from a directory.
func folderFiles(folder string) bundleFiles {
	return func(path string) ([]byte, error) {
		return store.At(folder).ReadFile(filepath.Join(folder, path), store.MaxPEM)
	}
}

// openBundle finds the files of the bundle at a path. below is the directory in an archive that
// contains them.
func openBundle(path, below string) (bundleFiles, error) {
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return folderFiles(path), err
	}
	file, err := store.OpenThere(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	files := make(map[string][]byte)
	err = eachInTar(file, func(name string, data []byte) error {
		files[name] = data
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return func(name string) ([]byte, error) {
		data, ok := files[filepath.Join(below, name)]
		if !ok {
			return nil, fmt.Errorf("%s: no %s in it: %w", path, name, fs.ErrNotExist)
		}
		return data, nil
	}, nil
}

// maxArchived is more than any file of a bundle has, in bytes: a CRL may be long.
const maxArchived = store.MaxPEM

// eachInTar calls visit with every file of an archive.
func eachInTar(r io.Reader, visit func(name string, data []byte) error) error {
	archive := tar.NewReader(r)
	for first := true; ; first = false {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return tarError(err, first)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(archive, maxArchived))
		if err != nil {
			return tarError(err, false)
		}
		if err := visit(strings.TrimPrefix(header.Name, "./"), data); err != nil {
			return err
		}
	}
}

// checkThere returns an error if a bundle is not the one that a host would get: then it can
// neither be kept as it is nor be replaced silently.
func (f *fleet) checkThere(files bundleFiles, ids []subject.Identity) error {
	for _, id := range ids {
		err := f.checkPair(files, id)
		if errors.Is(err, fs.ErrNotExist) {
			if other := f.shape.otherLayout(files, id.Role); other != "" {
				return fmt.Errorf("it has --layout %s", other)
			}
		}
		if err != nil {
			return fmt.Errorf("%s pair: %w", id.Role, err)
		}
	}
	data, err := files(f.shape.layout.Path(libvirt.CACert))
	if err != nil {
		return err
	}
	certs, err := pki.ParseCertificates(data)
	if err == nil && !slices.ContainsFunc(certs, f.a.CA.Certificate.Equal) {
		err = fmt.Errorf("its cacert.pem is without %s", subject.Of(f.a.CA.Certificate))
	}
	return err
}

// otherLayout returns the layout, other than the requested one, in which a certificate lies;
// empty if it does not.
func (s *shape) otherLayout(files bundleFiles, role pki.Role) string {
	layout, name := libvirt.Flat(""), "pkipath"
	if s.flat {
		layout, name = libvirt.System(strings.Trim(s.sysconfdir, "/")), "system"
	}
	if _, err := files(layout.Path(libvirt.CertFile(string(role)))); err != nil {
		return ""
	}
	return name
}

func (f *fleet) checkPair(files bundleFiles, id subject.Identity) error {
	cert, err := f.shape.readPair(files, id.Role)
	if err != nil {
		return err
	}
	like, err := f.like(cert, id)
	if err != nil {
		return err
	}
	revokedOn, err := f.revokedOn()
	if err != nil {
		return err
	}
	switch missing := id.Lacking(cert); {
	case !bytes.Equal(cert.RawSubject, like.RawSubject):
		return fmt.Errorf("it is that of %s", subject.Of(cert))
	case !f.a.HasSigned(cert):
		return errors.New("it is signed by another CA")
	case !f.m.Now().Before(cert.NotAfter):
		return fmt.Errorf("it expired on %s", termtext.Day(cert.NotAfter))
	case revokedOn(cert) != "":
		return fmt.Errorf("it was revoked on %s", revokedOn(cert))
	case missing != "":
		return fmt.Errorf("it is not for %s", missing)
	}
	if otherShape(f.r.Leaf, f.a.CA.Certificate, cert, like) {
		f.countOther(id.Name)
	}
	return nil
}

// like returns the certificate that would be made for an existing key. Without a template it
// has a subject and nothing else.
func (f *fleet) like(cert *x509.Certificate, id subject.Identity) (*x509.Certificate, error) {
	ca := f.a.CA.Certificate
	subject, err := id.Subject(ca)
	template := f.r.Leaf.Templates[id.Role]
	if err != nil || template == nil {
		return &x509.Certificate{RawSubject: subject}, err
	}
	names, _ := id.Within(pki.PermitOf(ca))
	like, _, err := f.a.CA.Rehearse(pki.Request{
		Role: id.Role, RawSubject: subject, PublicKey: cert.PublicKey, DNSNames: names.DNS, IPAddresses: names.IPs,
		Now: f.m.Now(), Validity: f.r.Leaf.Validity, StrictKeyUsage: f.r.Leaf.Release.TakesStrictKeyUsage(), Template: template,
	})
	return like, err
}

// otherShape reports whether a good certificate has another key type, lifetime or template than
// the request. A certificate that ends with its CA may have a shorter lifetime.
func otherShape(leaf authority.Leaf, ca, cert, like *x509.Certificate) bool {
	same := func(a, b pkix.Extension) bool {
		return a.Id.Equal(b.Id) && a.Critical == b.Critical && bytes.Equal(a.Value, b.Value)
	}
	keyType, _ := pki.KeyTypeOf(cert.PublicKey)
	return keyType != leaf.KeyType ||
		pki.Life(cert) != leaf.Validity && cert.NotAfter.Before(ca.NotAfter) ||
		like.Extensions != nil && !slices.EqualFunc(cert.Extensions, like.Extensions, same)
}

// readPair reads a certificate and wants its key beside it.
func (s *shape) readPair(files bundleFiles, role pki.Role) (*x509.Certificate, error) {
	certData, err1 := files(s.layout.Path(libvirt.CertFile(string(role))))
	keyData, err2 := files(s.layout.Path(libvirt.KeyFile(string(role))))
	if err := hint.First(err1, err2); err != nil {
		return nil, err
	}
	certs, err := pki.ParseCertificates(certData)
	if err != nil {
		return nil, err
	}
	key, err := pki.ParseKey(keyData, nil)
	if err == nil && !pki.KeyMatches(certs[0], key) {
		err = errors.New("its key belongs to another certificate")
	}
	return certs[0], err
}

// there finds the hosts whose bundle is there. An existing bundle that is incomplete, or does
// not match the list, is an error.
func (f *fleet) there(ctx context.Context, list *Hosts) (has []bool, err error) {
	has = make([]bool, len(list.hosts))
	work := func(i int) (bool, error) {
		name, _ := list.hosts[i].fields()
		path := f.r.pathOf(name)
		if !f.m.Tree().Exists(path) {
			return false, nil
		}
		ids, err := f.identitiesOf(list.hosts[i])
		if err != nil {
			return false, err
		}
		if err := store.CheckThere(path); err != nil {
			return true, list.at(list.hosts[i], err)
		}
		files, err := openBundle(path, f.shape.below(name))
		if err == nil {
			err = f.checkThere(files, ids)
		}
		if err != nil {
			err = hint.With(fmt.Errorf("there is %s already: %w", path, err), "remove it, and the command makes it again; or choose another --out")
		}
		return true, list.at(list.hosts[i], err)
	}
	err = inOrder(ctx, len(list.hosts), lanes{f.r.Workers, 256}, work, func(i int, there bool) error {
		has[i] = there
		return nil
	})
	return has, err
}
