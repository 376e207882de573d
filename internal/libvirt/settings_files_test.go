package libvirt

import (
	"maps"
	"strings"
	"testing"

	"virtpki/internal/libvirt/conf"
)

func TestNamedFiles(t *testing.T) {
	for _, c := range []struct {
		conf  string
		want  map[string]string
		lists bool
	}{
		{"listen_tls = 1", map[string]string{}, false},
		{"crl_file = '/r'", map[string]string{"crl_file": "/r"}, false},
		{"ca_file = '/a'\ncert_file = '/c'\nkey_file = '/k'", map[string]string{"ca_file": "/a", "cert_file": "/c", "key_file": "/k"}, false},
		{"ca_file = '/a'\ncert_files = ['/c', '/d']\nkey_files = ['/k', '/l']", map[string]string{"ca_file": "/a", "cert_file": "/c", "key_file": "/k"}, true},
	} {
		file, err := conf.Parse([]byte(c.conf))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := NamedFiles(file); err != nil || !maps.Equal(got, c.want) || ListsIdentities(file) != c.lists {
			t.Errorf("%s: got %v, %v", c.conf, got, err)
		}
	}
}

func TestNamedFilesRefuses(t *testing.T) {
	const lists = "cert_files = ['/c']\nkey_files = ['/k']\n"
	for _, c := range []struct{ name, conf, want string }{
		{"CA alone", "ca_file = '/a'", "cert_file and key_file not set"},
		{"certificate alone", "cert_file = '/c'", "ca_file and key_file not set"},
		{"no key", "ca_file = '/a'\ncert_file = '/c'", "key_file not set"},
		{"CA empty and alone", "ca_file = ''", "cert_file and key_file not set"},
		{"all empty", "ca_file = ''\ncert_file = ''\nkey_file = ''", "ca_file and cert_file and key_file empty"},
		{"key empty", "ca_file = '/a'\ncert_file = '/c'\nkey_file = ''", "key_file empty"},
		{"a number", "ca_file = 1", "ca_file is a number"},
		{"a list", "crl_file = ['/a']", "crl_file is a list"},
		{"lists without CA", lists, "ca_file not set"},
		{"lists and a certificate", lists + "cert_file = '/c'\nca_file = '/a'", "beside cert_files"},
		{"keys without certificates", "key_files = ['/k']\nca_file = '/a'", "cert_files has 0 items, key_files has 1"},
		{"empty lists", "key_files = []\ncert_files = []\nca_file = '/a'", "cert_files and key_files empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, err := conf.Parse([]byte(c.conf))
			if err != nil {
				t.Fatal(err)
			}
			if files, err := NamedFiles(file); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %+v and %v, want %q", files, err, c.want)
			}
		})
	}
}
