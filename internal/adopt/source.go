package adopt

import (
	"fmt"

	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// Source says where key pairs, the CAs' certificates and the CRLs are.
type Source struct {
	Dirs  []string // directories with files under known names
	Keys  []string // files with a private key each
	Certs []string // files with certificates, for those keys and of their CAs
	CRLs  []string // files with CRLs
}

// found holds the contents of a source.
type found struct {
	pairs []pair
	pki.Answer
}

// read reads all files of a source.
func (s Source) read() (*found, error) {
	f := &found{}
	for _, dir := range s.Dirs {
		if err := f.readDir(dir); err != nil {
			return nil, err
		}
	}
	if err := f.readNamed(s); err != nil {
		return nil, err
	}
	for _, path := range s.CRLs {
		data, err := readNamed(path, store.MaxPEM, false)
		if err == nil {
			err = f.addCRLs(path, data)
		}
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

// add adds the CAs and CRLs of a file.
func (f *found) add(a *pki.Answer) {
	for _, ca := range a.CAs {
		if !keypair.Contains(f.CAs, ca) {
			f.CAs = append(f.CAs, ca)
		}
	}
	f.CRLs = append(f.CRLs, a.CRLs...)
}

func (f *found) addCRLs(path string, data []byte) error {
	crls, err := parseCRLs(path, data)
	f.CRLs = append(f.CRLs, crls...)
	return err
}

// readDir reads the files of a directory that have known names.
func (f *found) readDir(path string) error {
	dir, err := openFolder(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Names()
	if err != nil {
		return err
	}
	files, err := find(names)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, one := range files.pairs {
		if err := f.readPair(dir, one); err != nil {
			return err
		}
	}
	for _, name := range files.cas {
		data, err := dir.read(name, maxFile, false)
		if err != nil {
			return err
		}
		a, err := parseCAs(dir.In(name), data)
		if err != nil {
			return err
		}
		f.add(a)
	}
	return f.readCRLs(dir, files.crls)
}

func (f *found) readCRLs(dir *folder, names []string) error {
	for _, name := range names {
		data, err := dir.read(name, store.MaxPEM, false)
		if err == nil {
			err = f.addCRLs(dir.In(name), data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readPair reads a key and its certificate.
func (f *found) readPair(dir *folder, files pairFiles) error {
	keyData, err1 := dir.read(files.key, maxFile, true)
	certData, err2 := dir.read(files.cert, maxFile, false)
	if err := hint.First(err1, err2); err != nil {
		return err
	}
	key, err1 := parseKey(dir.In(files.key), keyData)
	cert, chain, err2 := parseLeaf(dir.In(files.cert), certData)
	if err := hint.First(err1, err2); err != nil {
		return err
	}
	if !pki.KeyMatches(cert, key) {
		return fmt.Errorf("%s is not the key of %s", dir.In(files.key), dir.In(files.cert))
	}
	f.add(chain)
	f.pairs = append(f.pairs, pair{key: key, cert: cert, path: dir.In(files.cert), role: files.role})
	return nil
}

// readNamed reads the files that the user names, in any order. It matches each certificate with
// its key.
func (f *found) readNamed(s Source) error {
	var keys []pair
	for _, path := range s.Keys {
		data, err := readNamed(path, maxFile, true)
		if err != nil {
			return err
		}
		key, err := parseKey(path, data)
		if err != nil {
			return err
		}
		keys = append(keys, pair{key: key, path: path})
	}
	for _, path := range s.Certs {
		data, err := readNamed(path, maxFile, false)
		if err != nil {
			return err
		}
		a, err := parseCerts(path, data)
		if err != nil {
			return err
		}
		f.add(a)
		for _, cert := range a.Leafs {
			f.pairs = append(f.pairs, pair{cert: cert, path: path})
		}
	}
	return f.match(keys)
}

// match finds the key of each certificate.
func (f *found) match(keys []pair) error {
	used := make(map[int]bool)
	for i := range f.pairs {
		p := &f.pairs[i]
		for n, k := range keys {
			if p.key == nil && pki.KeyMatches(p.cert, k.key) {
				p.key, used[n] = k.key, true
			}
		}
	}
	for _, p := range f.pairs {
		if p.key == nil {
			return f.refuseKeyless(p, keys)
		}
	}
	for n, k := range keys {
		if !used[n] {
			return fmt.Errorf("%s: you did not give its certificate", k.path)
		}
	}
	return nil
}

// refuseKeyless returns the error for a certificate without its key.
func (f *found) refuseKeyless(p pair, keys []pair) error {
	for _, other := range f.pairs {
		if other.key != nil && string(other.cert.RawIssuer) == string(p.cert.RawSubject) {
			return refuseNoCA(p.path, p.cert)
		}
	}
	if len(keys) == 1 {
		return fmt.Errorf("%s is not the key of %s", keys[0].path, p.path)
	}
	return fmt.Errorf("%s: you did not give the key of %s", p.path, subject.Of(p.cert))
}
