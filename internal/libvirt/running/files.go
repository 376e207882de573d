package running

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
)

// Files are the files that a daemon reads when it starts. The paths are those of its
// configuration file, or the default ones.
type Files struct {
	CA, Cert, Key string
	CRL           string // empty when the daemon reads none
	// CRLNote says why no CRL is read although one might be expected, or why
	// crl_file is without effect; empty otherwise.
	CRLNote string
	// Custom is whether any of the files is another than the default tree's. Such a daemon must
	// be restarted to reload them: [rpc.Admin.UpdateTLS] would switch it to the default tree,
	// identity and all, and report success.
	Custom bool
	// Lists is whether cert_files and key_files are set: several identities, of
	// which Cert and Key are the first. Custom is true then.
	Lists bool
}

// FilesOf returns the files that a daemon with this configuration reads when it starts
// (libvirt, src/remote/remote_daemon.c). If none of ca_file, cert_file and key_file is set, it
// reads the default tree, and ignores a crl_file. If all three are set, it reads exactly the
// files that the configuration names, so it has no CRL without crl_file. If some of the three
// are set, or one of them is empty, FilesOf returns an error: whether the daemon starts then
// depends on its release, but it never does a handshake. A configuration file with cert_files
// and key_files is taken to be for libvirt 11.10 or later; before, a daemon does not know them.
//
// root is the daemon's root directory as this process sees it, "/" mostly; layout is the
// default tree as the daemon sees it, System("/etc") mostly. Links are followed to find out
// whether two paths are one.
func FilesOf(c *conf.File, root string, layout libvirt.Layout) (Files, error) {
	named, err := libvirt.NamedFiles(c)
	if err != nil {
		return Files{}, err
	}
	files := Files{CA: layout.Path(libvirt.CACert), CRL: layout.Path(libvirt.CACRL), Cert: layout.Path(libvirt.ServerCert), Key: layout.Path(libvirt.ServerKey)}
	crl, crlSet := named["crl_file"]
	_, explicit := named["ca_file"]
	switch {
	case explicit:
		files = Files{CA: named["ca_file"], CRL: crl, Cert: named["cert_file"], Key: named["key_file"], Lists: libvirt.ListsIdentities(c)}
		files.Custom = files.Lists || files.differ(root, layout)
	case crlSet && !samePath(root, crl, files.CRL):
		files.CRLNote = fmt.Sprintf("crl_file %q is ignored without ca_file, cert_file and key_file: the CRL is %q", crl, files.CRL)
	}
	files.noteMissingCRL(root, explicit, crlSet)
	return files, nil
}

// differ compares with the default tree. A daemon without a CRL differs too: a reload would
// make it read one.
func (f Files) differ(root string, layout libvirt.Layout) bool {
	return !samePath(root, f.CA, layout.Path(libvirt.CACert)) || !samePath(root, f.CRL, layout.Path(libvirt.CACRL)) ||
		!samePath(root, f.Cert, layout.Path(libvirt.ServerCert)) || !samePath(root, f.Key, layout.Path(libvirt.ServerKey))
}

// noteMissingCRL tells why no CRL is read. If the configuration names a CRL that does not
// exist, libvirt 12.8 does not start; releases up to 11.3 ignore it.
func (f *Files) noteMissingCRL(root string, explicit, crlSet bool) {
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

// samePath reports whether two paths lead to one place once links are followed. A hard link
// counts as another place, because a rename separates the two.
func samePath(root, a, b string) bool {
	if a == "" || b == "" {
		return a == b
	}
	return a == b || libvirt.ResolveBelow(root, a) == libvirt.ResolveBelow(root, b)
}

func existsBelow(root, path string) bool {
	_, err := os.Lstat(filepath.Join(root, libvirt.ResolveBelow(root, path)))
	return !errors.Is(err, os.ErrNotExist)
}
