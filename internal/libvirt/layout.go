package libvirt

import (
	"io/fs"
	"path/filepath"
	"strings"
)

// File names one of the files of a PKI by its purpose.
type File int

// The files. Some layouts have no place for some of them.
const (
	CACert File = iota
	CACRL
	CAKey
	CANextKey  // of the CA generation that a rollover brings
	CARollover // the progress of a rollover
	CARetired  // the CAs of generations that were dropped, with their last CRLs
	ServerCert
	ServerKey
	ClientCert
	ClientKey
	ServerPending // a new key that waits for its certificate, with the request for it
	ClientPending
	Requests // the requests to the CA of a renewal without the CA's key
)

// Entry is the place of one file.
type Entry struct {
	File File
	Path string // relative to the layout's base
	Mode fs.FileMode
}

// Folder is the place of one directory.
type Folder struct {
	Path string
	Mode fs.FileMode
}

// Layout says where files lie below a base directory.
type Layout struct {
	Base    string
	Parents fs.FileMode // of directories above Top that have to be made

	entries []Entry
	folders []Folder // outermost first
	apart   bool     // see [Layout.Apart]
}

// systemEntries is libvirt's default tree below SYSCONFDIR (libvirt,
// src/rpc/virnettlsconfig.h). The modes are those that virt-pki-validate demands, but for the
// client key: it wants that key readable by everybody, which lets every local user act as the
// host. See [Layout.WithMode].
var systemEntries = []Entry{
	{CACert, "pki/CA/cacert.pem", 0o644},
	{CACRL, "pki/CA/cacrl.pem", 0o644},
	{CAKey, "pki/CA/private/cakey.pem", 0o600},
	{CANextKey, "pki/CA/private/cakey-next.pem", 0o600},
	{CARollover, "pki/CA/rollover.json", 0o644},
	{CARetired, "pki/CA/retired.pem", 0o644},
	{ServerCert, "pki/libvirt/servercert.pem", 0o644},
	{ServerKey, "pki/libvirt/private/serverkey.pem", 0o600},
	{ClientCert, "pki/libvirt/clientcert.pem", 0o644},
	{ClientKey, "pki/libvirt/private/clientkey.pem", 0o600},
	{ServerPending, "pki/libvirt/private/serverkey-pending.pem", 0o600},
	{ClientPending, "pki/libvirt/private/clientkey-pending.pem", 0o600},
	{Requests, "pki/libvirt/requests.csr", 0o644},
}

var systemFolders = []Folder{
	{"pki", 0o755},
	{"pki/CA", 0o755},
	{"pki/CA/private", 0o700},
	{"pki/CA/newcerts", 0o755},
	{"pki/libvirt", 0o755},
	{"pki/libvirt/private", 0o755},
}

// flatEntries are the files of ?pkipath=DIR and ~/.pki/libvirt: all in one directory,
// everything the owner's own.
var flatEntries = []Entry{
	{CACert, "cacert.pem", 0o600},
	{CACRL, "cacrl.pem", 0o600},
	{ServerCert, "servercert.pem", 0o600},
	{ServerKey, "serverkey.pem", 0o600},
	{ClientCert, "clientcert.pem", 0o600},
	{ClientKey, "clientkey.pem", 0o600},
	{ServerPending, "serverkey-pending.pem", 0o600},
	{ClientPending, "clientkey-pending.pem", 0o600},
	{Requests, "requests.csr", 0o600},
}

var flatFolders = []Folder{{".", 0o700}}

// System is libvirt's default tree below a SYSCONFDIR such as "/etc".
func System(sysconfdir string) Layout {
	return Layout{Base: sysconfdir, Parents: 0o755, entries: systemEntries, folders: systemFolders}
}

// CA is the directory of a CA outside the system's tree: inside it has the same names as the
// one in that tree.
func CA(folder string) Layout {
	layout := Layout{Base: folder, Parents: 0o755}
	for _, entry := range systemEntries {
		if within(entry.Path, caFolder) {
			layout.entries = append(layout.entries, Entry{entry.File, relativeToCA(entry.Path), entry.Mode})
		}
	}
	for _, f := range systemFolders {
		if f.Path == caFolder || within(f.Path, caFolder) {
			layout.folders = append(layout.folders, Folder{relativeToCA(f.Path), f.Mode})
		}
	}
	return layout
}

// caFolder is the CA's directory in the system's tree.
const caFolder = "pki/CA"

// relativeToCA returns a path of the system's tree as seen from the CA's directory.
func relativeToCA(path string) string {
	return filepath.Clean("." + strings.TrimPrefix(path, caFolder))
}

// CAFolder is the directory of a CA in the default tree below a SYSCONFDIR.
func CAFolder(sysconfdir string) string { return filepath.Join(sysconfdir, caFolder) }

// Flat is a directory for ?pkipath=DIR.
func Flat(folder string) Layout {
	return Layout{Base: folder, Parents: 0o755, entries: flatEntries, folders: flatFolders}
}

// User is the flat directory that libvirt reads for everyone but root.
func User(home string) Layout {
	layout := Flat(filepath.Join(home, ".pki", "libvirt"))
	layout.Parents = 0o700
	return layout
}

// WithMode returns the layout with another mode for one file.
func (l Layout) WithMode(file File, mode fs.FileMode) Layout {
	entries := append([]Entry{}, l.entries...)
	for i := range entries {
		if entries[i].File == file {
			entries[i].Mode = mode
		}
	}
	l.entries = entries
	return l
}

// Path returns the path of a file; empty when the layout has no place for it.
func (l Layout) Path(file File) string {
	path, _ := l.Place(file)
	return path
}

// Place is where a file lies and its mode.
func (l Layout) Place(file File) (path string, mode fs.FileMode) {
	for _, entry := range l.entries {
		if entry.File == file {
			return filepath.Join(l.Base, entry.Path), entry.Mode
		}
	}
	return "", 0
}

// Top is the outermost directory that is the layout's own.
func (l Layout) Top() string {
	if len(l.folders) == 0 {
		return l.Base
	}
	return filepath.Join(l.Base, l.folders[0].Path)
}

// PairFolder is the directory that holds the certificates and their keys. A change inside it
// can happen in one instant.
func (l Layout) PairFolder() string {
	if path := l.Path(ServerCert); path != "" {
		return filepath.Dir(path)
	}
	return filepath.Dir(l.Path(ClientCert))
}

// FoldersFor lists the directories that must exist before path can be written, outermost first.
func (l Layout) FoldersFor(path string) []Folder {
	var needed []Folder
	for _, folder := range l.folders {
		full := filepath.Join(l.Base, folder.Path)
		if within(path, full) {
			needed = append(needed, Folder{Path: full, Mode: folder.Mode})
		}
	}
	return needed
}

// within reports whether path lies somewhere below a directory.
func within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}

// Records returns the directory in which a CA keeps the certificates that it signed. It lies
// below the CA's own directory.
func Records(caFolder string) string { return filepath.Join(caFolder, "newcerts") }

// CertFile and KeyFile name the certificate and key of a role, "server" or "client".
func CertFile(role string) File { return pairs[role][0] }

// IsKey reports whether the file holds a private key.
func (f File) IsKey() bool {
	return f == CAKey || f == CANextKey || f == ServerKey || f == ClientKey
}

// KeyFile is the private key beside [CertFile].
func KeyFile(role string) File { return pairs[role][1] }

// PendingFile is the key beside [KeyFile] that waits for its certificate.
func PendingFile(role string) File { return pairs[role][2] }

var pairs = map[string][3]File{
	"server": {ServerCert, ServerKey, ServerPending},
	"client": {ClientCert, ClientKey, ClientPending},
}

// Files lists the places of the layout's files, with whole paths.
func (l Layout) Files() []Entry {
	files := make([]Entry, len(l.entries))
	for i, entry := range l.entries {
		files[i] = Entry{entry.File, filepath.Join(l.Base, entry.Path), entry.Mode}
	}
	return files
}
