package inventory

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A pair counts as one of its own if a configuration names files outside the default places.
// Paths are compared with their links resolved.
func TestOwnPairs(t *testing.T) {
	named := func(cert string) string {
		return fmt.Sprintf("ca_file = \"/srv/ca.pem\"\ncert_file = %q\nkey_file = \"/srv/key.pem\"\n", cert)
	}
	listens := with(debian, masked, files{"etc/default/libvirtd": "LIBVIRTD_ARGS=--listen\n"})
	libvirtd := func(text string) files { return with(listens, files{"etc/libvirt/libvirtd.conf": text}) }
	qemu := func(text string) files {
		return with(listens, files{"etc/libvirt/qemu.conf": text, "srv/vnc/server-cert.pem": "", "srv/vnc/client-cert.pem": ""})
	}
	for _, c := range []struct {
		name string
		on   files
		want string
	}{
		{"nothing is named", libvirtd(""), ""},
		{"a certificate", libvirtd(named("/srv/cert.pem")), "libvirtd server /srv/cert.pem used"},
		{"of a daemon that does not listen", libvirtd(named("/srv/cert.pem") + "listen_tls = 0\n"), "libvirtd server /srv/cert.pem"},
		{"the default certificate beside another CA", libvirtd(named("/etc/pki/libvirt/servercert.pem")), ""},
		{"a link to the default one", with(libvirtd(named("/srv/cert.pem")), files{"srv/cert.pem": "-> /etc/pki/libvirt/servercert.pem", "etc/pki/libvirt/servercert.pem": ""}), ""},
		{"several", libvirtd("ca_file = \"/srv/ca.pem\"\ncert_files = [\"/srv/a.pem\", \"/srv/b.pem\"]\nkey_files = [\"/srv/a.key\", \"/srv/b.key\"]\n"),
			"libvirtd server /srv/a.pem used; libvirtd server /srv/b.pem used"},
		{"a part of them, with which the daemon does not start", libvirtd("cert_file = \"/srv/cert.pem\"\n"), ""},
		{"VNC's directory", qemu("vnc_tls = 1\nvnc_tls_x509_cert_dir = \"/srv/vnc\"\n"), "QEMU (vnc) server /srv/vnc/server-cert.pem used"},
		{"VNC's directory, switched off", qemu("vnc_tls_x509_cert_dir = \"/srv/vnc\"\n"), "QEMU (vnc) server /srv/vnc/server-cert.pem"},
		{"the directory of all uses", qemu("default_tls_x509_cert_dir = \"/srv/vnc\"\n"), "QEMU (default) server /srv/vnc/server-cert.pem used; QEMU (default) client /srv/vnc/client-cert.pem used"},
		{"a directory that does not exist", qemu("vnc_tls = 1\nvnc_tls_x509_cert_dir = \"/srv/none\"\n"), ""},
		{"the default directory by its name", with(qemu("default_tls_x509_cert_dir = \"/etc/pki/qemu/\"\n"), files{"etc/pki/qemu/server-cert.pem": ""}), ""},
	} {
		var got []string
		pairs, err := Look(image(t, c.on), nil).OwnPairs()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, p := range pairs {
			text := p.Reader + " " + p.Role + " " + p.Cert
			if p.Used {
				text += " used"
			}
			got = append(got, text)
		}
		if got := strings.ReplaceAll(strings.Join(slices.Clone(got), "; "), "(qemu)", "(default)"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
