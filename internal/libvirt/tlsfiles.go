package libvirt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// TLSFiles are the files that a daemon reads when it starts. Paths are as its
// conf has them, or the default ones.
type TLSFiles struct {
	CA, Cert, Key string
	CRL           string // empty when the daemon reads none
	// CRLNote says why no CRL is read although one might be expected, or why
	// crl_file is without effect; empty otherwise.
	CRLNote string
	// Custom is whether any of the files is another than the default tree's. Such
	// a daemon must be restarted to read them again: [Admin.UpdateTLS] would switch
	// it to the default tree, identity and all, and report success.
	Custom bool
	// Lists is whether cert_files and key_files are set: several identities, of
	// which Cert and Key are the first. Custom is true then.
	Lists bool
}

// TLSFiles says which files a daemon with this conf reads when it starts (libvirt,
// src/remote/remote_daemon.c): the default tree when none of ca_file, cert_file and
// key_file is set, and a crl_file is ignored then; exactly what the conf names when
// all three are, so that there is no CRL without crl_file. With some of the three, or
// with an empty one, which lets the daemon start or not depending on its release
// but never do a handshake, there is an error. A conf with cert_files and key_files
// is taken to be for libvirt 11.10 or later; before, a daemon does not know them.
//
// layout is the default tree as the daemon sees it, System("/etc") mostly. Links
// are followed on this machine to find out whether two paths are one.
func (c *Conf) TLSFiles(layout Layout) (TLSFiles, error) { return c.TLSFilesBelow("/", layout) }

// TLSFilesBelow is [Conf.TLSFiles] for a daemon that has root as its root folder,
// or will have. The paths are as seen from there.
func (c *Conf) TLSFilesBelow(root string, layout Layout) (TLSFiles, error) {
	named, err := c.namedFiles()
	if err != nil {
		return TLSFiles{}, err
	}
	files := TLSFiles{CA: layout.Path(CACert), CRL: layout.Path(CACRL), Cert: layout.Path(ServerCert), Key: layout.Path(ServerKey)}
	crl, crlSet := named["crl_file"]
	_, explicit := named["ca_file"]
	switch {
	case explicit:
		files = TLSFiles{CA: named["ca_file"], CRL: crl, Cert: named["cert_file"], Key: named["key_file"], Lists: c.setsLists()}
		files.Custom = files.Lists || files.differ(root, layout)
	case crlSet && !samePath(root, crl, files.CRL):
		files.CRLNote = fmt.Sprintf("crl_file %q is ignored without ca_file, cert_file and key_file: the CRL is %q", crl, files.CRL)
	}
	files.noteMissingCRL(root, explicit, crlSet)
	return files, nil
}

// namedFiles gives the file settings of the conf by name, if they go together. The
// first items of cert_files and key_files stand for cert_file and key_file.
func (c *Conf) namedFiles() (map[string]string, error) {
	named := make(map[string]string)
	for _, s := range c.FileSettings() {
		if s.Value.Kind() != KindString {
			return nil, fmt.Errorf("%s is a %s, not a string: the daemon does not start", s.Name, s.Value.Kind())
		}
		named[s.Name] = s.Value.Str()
	}
	if c.setsLists() {
		if err := c.addLists(named); err != nil {
			return nil, err
		}
	}
	return named, checkTogether(named)
}

func (c *Conf) setsLists() bool {
	_, keys := c.Lookup("key_files")
	_, certs := c.Lookup("cert_files")
	return keys || certs
}

func (c *Conf) addLists(named map[string]string) error {
	certs, _ := c.Lookup("cert_files")
	keys, _ := c.Lookup("key_files")
	_, cert := named["cert_file"]
	_, key := named["key_file"]
	switch {
	case cert || key:
		return errors.New("cert_file or key_file beside cert_files or key_files: the daemon does not start")
	case len(certs.List()) != len(keys.List()):
		return fmt.Errorf("cert_files has %d items, key_files has %d: the daemon does not start", len(certs.List()), len(keys.List()))
	case len(certs.List()) == 0:
		return errors.New("cert_files and key_files empty: the daemon has no identity, and no client gets in")
	}
	named["cert_file"], named["key_file"] = certs.List()[0], keys.List()[0]
	return nil
}

// checkTogether wants all of the three or none, and none of them empty.
func checkTogether(named map[string]string) error {
	var missing, empty []string
	for _, name := range []string{"ca_file", "cert_file", "key_file"} {
		value, ok := named[name]
		switch {
		case !ok:
			missing = append(missing, name)
		case value == "":
			empty = append(empty, name)
		}
	}
	switch {
	case len(missing) == 1 || len(missing) == 2:
		return fmt.Errorf("%s not set although the rest of ca_file, cert_file and key_file is: the daemon does not start", strings.Join(missing, " and "))
	case len(empty) > 0:
		return fmt.Errorf("%s empty: the daemon has no identity or no CA, and no client gets in", strings.Join(empty, " and "))
	}
	return nil
}

// differ compares with the default tree. No CRL is other than the default too: a
// reload would begin to read one.
func (f TLSFiles) differ(root string, layout Layout) bool {
	return !samePath(root, f.CA, layout.Path(CACert)) || !samePath(root, f.CRL, layout.Path(CACRL)) ||
		!samePath(root, f.Cert, layout.Path(ServerCert)) || !samePath(root, f.Key, layout.Path(ServerKey))
}

// noteMissingCRL tells why no CRL is read. A CRL that the conf names and that is not
// there keeps libvirt 12.8 from starting; up to 11.3 it is passed over.
func (f *TLSFiles) noteMissingCRL(root string, explicit, crlSet bool) {
	switch {
	case f.CRL == "" && crlSet:
		f.CRLNote = "no CRL is read: crl_file is empty; libvirt 12.8 does not start like that"
	case f.CRL == "":
		f.CRLNote = "no CRL is read: ca_file, cert_file and key_file are set, and crl_file is not"
	case f.CRLNote != "" || existsBelow(root, f.CRL):
	case explicit:
		f.CRLNote = fmt.Sprintf("no CRL is read: crl_file %q does not exist; libvirt 12.8 does not start like that", f.CRL)
	default:
		f.CRLNote = fmt.Sprintf("no CRL is read: %q does not exist", f.CRL)
	}
}

// samePath reports whether two paths lead to one place once links are followed. A
// hard link is another place: a rename parts the two.
func samePath(root, a, b string) bool {
	if a == "" || b == "" {
		return a == b
	}
	return resolveBelow(root, a) == resolveBelow(root, b)
}

func existsBelow(root, path string) bool {
	_, err := os.Lstat(filepath.Join(root, resolveBelow(root, path)))
	return !errors.Is(err, os.ErrNotExist)
}

// resolveBelow follows the links in path as a process with root as its root folder
// would, and returns the path as that process sees it. What does not exist, or
// cannot be looked at, is taken for no link. Relative paths are taken as from the
// root, which is where a daemon stands.
func resolveBelow(root, path string) string {
	rest := filepath.Clean("/" + path)
	done := "/"
	for links := 0; rest != "/" && rest != ""; {
		part, after, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
		next := filepath.Join(done, part)
		target, err := os.Readlink(filepath.Join(root, next))
		if err != nil || links == maxLinks {
			done, rest = next, after
			continue
		}
		links++
		if !filepath.IsAbs(target) {
			target = filepath.Join(done, target)
		}
		done, rest = "/", filepath.Join("/", target, after)
	}
	return done
}

// maxLinks is after how many links the kernel gives up.
const maxLinks = 40
