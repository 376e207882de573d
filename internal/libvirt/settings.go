package libvirt

import "virtpki/internal/libvirt/conf"

// Setting is one entry of a daemon's configuration file.
type Setting struct {
	Name  string
	Value conf.Value
}

// The settings that list who may connect. Both are matched with the same
// wildcards.
const (
	AllowedDNs   = "tls_allowed_dn_list"        // by the DN of the client's certificate
	AllowedUsers = "sasl_allowed_username_list" // by the name of the SASL user
)

// fileSettings maps the settings that name PKI files to the files.
var fileSettings = []struct {
	name string
	file File
}{
	{"key_file", ServerKey},
	{"cert_file", ServerCert},
	{"ca_file", CACert},
	{"crl_file", CACRL},
}

// Settings returns the entries that match the existing files. layout gives the paths as the
// daemon will see them; have tells which files exist; allow is the list of DN patterns, nil to
// leave that setting out.
//
// The four file settings come together or not at all: libvirtd does not start with some of
// key_file, cert_file and ca_file, the three without crl_file switch the default CRL off, and
// crl_file alone is ignored (libvirt, src/remote/remote_daemon.c). Without them the daemon
// reads its default places.
func (d Daemon) Settings(layout Layout, have func(File) bool, allow []string) []Setting {
	settings := []Setting{{"listen_tls", conf.IntValue(1)}}
	if haveAll(have) {
		for _, s := range fileSettings {
			settings = append(settings, Setting{s.name, conf.StringValue(layout.Path(s.file))})
		}
	}
	if allow != nil {
		settings = append(settings, Setting{AllowedDNs, conf.ListValue(allow)})
	}
	return settings
}

func haveAll(have func(File) bool) bool {
	for _, s := range fileSettings {
		if !have(s.file) {
			return false
		}
	}
	return true
}
