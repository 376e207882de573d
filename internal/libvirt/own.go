package libvirt

import "path/filepath"

// OwnFiles are the files of one server identity, which a daemon reads from paths in its
// configuration file.
type OwnFiles struct{ CA, Cert, Key string }

// Own returns the layout of such files. The directories belong to somebody else, so the layout
// makes none of them and does not set their modes. apart is [Layout.Apart].
func Own(files OwnFiles, apart bool) Layout {
	base := filepath.Dir(files.Cert)
	layout := Layout{Base: base, Parents: 0o755, apart: apart}
	for _, entry := range []Entry{{CACert, files.CA, 0o644}, {ServerCert, files.Cert, 0o644}, {ServerKey, files.Key, 0o600}} {
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
