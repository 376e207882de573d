package libvirt

import (
	"path/filepath"
	"strings"
)

// OwnFiles are the files of one server identity, which a daemon reads from paths in its
// configuration file.
type OwnFiles struct{ CA, Cert, Key string }

// Own returns the layout of such files. The directories belong to somebody else, so the layout
// makes none of them and does not set their modes. A key that waits for its certificate lies
// beside the live one. apart is [Layout.Apart].
func Own(files OwnFiles, apart bool) Layout {
	base := filepath.Dir(files.Cert)
	layout := Layout{Base: base, Parents: 0o755, apart: apart}
	ext := filepath.Ext(files.Key)
	pending := strings.TrimSuffix(files.Key, ext) + "-pending" + ext
	for _, entry := range []Entry{{CACert, files.CA, 0o644}, {ServerCert, files.Cert, 0o644}, {ServerKey, files.Key, 0o600}, {ServerPending, pending, 0o600}} {
		if rel, err := filepath.Rel(base, entry.Path); err == nil {
			layout.entries = append(layout.entries, Entry{entry.File, rel, entry.Mode})
		}
	}
	return layout
}

// Apart reports whether certificate and key cannot change in one instant: they lie in two
// directories, or in one that holds other things too. Then a renewal keeps the key, so that
// only the certificate changes.
func (l Layout) Apart() bool { return l.apart }

// Foreign reports whether the directories of the layout belong to another program: see [Own].
func (l Layout) Foreign() bool { return len(l.folders) == 0 }

// ID identifies the layout among those of a machine. Several pairs of other programs may lie in
// one directory.
func (l Layout) ID() string {
	if l.Foreign() {
		return l.Path(ServerCert)
	}
	return l.Base
}

// Roles lists the roles for which the layout has a place for certificate and key.
func (l Layout) Roles() []string {
	var roles []string
	for _, role := range []string{"server", "client"} {
		if l.Path(CertFile(role)) != "" {
			roles = append(roles, role)
		}
	}
	return roles
}
