package libvirt

import (
	"errors"
	"fmt"
	"strings"

	"virtpki/internal/libvirt/conf"
)

// FileSettings returns the entries of a daemon's configuration file that name PKI files.
func FileSettings(c *conf.File) []Setting {
	var settings []Setting
	for _, s := range fileSettings {
		if v, ok := c.Lookup(s.name); ok {
			settings = append(settings, Setting{s.name, v})
		}
	}
	return settings
}

// NamedFiles returns the paths that a daemon's configuration file sets, by the names of the
// settings. The first items of cert_files and key_files stand for cert_file and key_file.
// Settings that do not go together are an error: the daemon does not start with them, or admits
// no client.
func NamedFiles(c *conf.File) (map[string]string, error) {
	named := make(map[string]string)
	for _, s := range FileSettings(c) {
		if s.Value.Kind() != conf.KindString {
			return nil, fmt.Errorf("%s is a %s, not a string: the daemon does not start", s.Name, s.Value.Kind())
		}
		named[s.Name] = s.Value.Str()
	}
	if ListsIdentities(c) {
		if err := addLists(c, named); err != nil {
			return nil, err
		}
	}
	return named, checkTogether(named)
}

// ListsIdentities reports whether a daemon's configuration file sets cert_files or
// key_files, which give it several identities.
func ListsIdentities(c *conf.File) bool {
	_, keys := c.Lookup("key_files")
	_, certs := c.Lookup("cert_files")
	return keys || certs
}

func addLists(c *conf.File, named map[string]string) error {
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
		return errors.New("cert_files and key_files empty: the daemon has no identity, and no client is admitted")
	}
	named["cert_file"], named["key_file"] = certs.List()[0], keys.List()[0]
	return nil
}

// checkTogether wants all of the three or none, and refuses an empty one.
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
		return fmt.Errorf("%s empty: the daemon has no identity or no CA, and no client is admitted", strings.Join(empty, " and "))
	}
	return nil
}
