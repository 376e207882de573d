package judge

import (
	"fmt"
	"strings"
	"testing"

	"virtpki/internal/libvirt/conf"
)

func TestUnknownSettings(t *testing.T) {
	tests := []struct{ name, id, right string }{
		{"tls_allowed_dn_list", "", ""},
		{"key_files", "", ""},
		{"keepalive_interval", "", ""},
		{"tls_allow_dn_list", "setting-misspelt", "tls_allowed_dn_list"},
		{"tls_allowed_dn", "setting-misspelt", "tls_allowed_dn_list"},
		{"tls_allowed_dns_list", "setting-misspelt", "tls_allowed_dn_list"},
		{"TLS_ALLOWED_DN_LIST", "setting-misspelt", "tls_allowed_dn_list"},
		{"allowed_dn_list", "setting-misspelt", "tls_allowed_dn_list"},
		{"crl_files", "setting-misspelt", "crl_file"},
		{"tls_crl_file", "setting-misspelt", "crl_file"},
		{"tls_ca_file", "setting-misspelt", "ca_file"},
		{"cert_fle", "setting-misspelt", "cert_file"},
		{"listen_address", "setting-misspelt", "listen_addr"},
		{"listen_tsl", "setting-misspelt", "listen_tls"},
		{"tls_no_verify_certificates", "setting-misspelt", "tls_no_verify_certificate"},
		{"auth_tlss", "setting-misspelt", "auth_tls"},
		{"tls_allowed_ip_list", "setting-gone", ""},
		{"mdns_adv", "setting-gone", ""},
		{"keepalive_required", "setting-gone", ""},
		{"vnc_tls", "setting-elsewhere", ""},
		{"default_tls_x509_cert_dir", "setting-elsewhere", ""},
		{"user", "setting-elsewhere", ""},
		{"uri_default", "setting-unknown", ""},
		{"x", "setting-unknown", ""},
	}
	for _, tt := range tests {
		got := unknownIn(t, tt.name+" = 1\n", false)
		switch {
		case tt.id == "" && len(got) == 0:
		case len(got) != 1 || got[0].ID != tt.id || got[0].Right != tt.right:
			t.Errorf("%s: %+v, want %s %q", tt.name, got, tt.id, tt.right)
		}
	}
	for name, id := range map[string]string{"vnc_tls": "", "vnc_tls_x509_cert_dirs": "setting-misspelt", "tls_allowed_dn_list": "setting-elsewhere", "allow_disk_format_probing": "setting-gone"} {
		if got := unknownIn(t, name+" = 1\n", true); (len(got) == 0) != (id == "") || len(got) == 1 && got[0].ID != id {
			t.Errorf("qemu.conf: %s: %+v, want %q", name, got, id)
		}
	}
}

func unknownIn(t *testing.T, text string, qemu bool) []UnknownSetting {
	t.Helper()
	file, err := conf.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return UnknownSettings(file, qemu)
}

// The fix writes the probable name only if the daemon starts with it.
func TestUnknownSettingFix(t *testing.T) {
	tests := []struct{ text, fix string }{
		{"a_b = 1\n", "sed -i '1s/^/#/' /c"},
		{"# x\ntls_allow_dn_list = [\n \"O=A\" ]\n", "sed -i '2s/tls_allow_dn_list/tls_allowed_dn_list/' /c"},
		{"tls_allow_dn_list = \"O=A\"\n", ""},
		{"listen_tsl = 2\n", ""},
		{"tls_allow_dn_list = [\"O=A\"]\ntls_allowed_dn_list = [\"O=B\"]\n", ""},
		{"tls_port = \"1\"; crl_files = \"/c\"\n", ""},
	}
	for _, tt := range tests {
		found, _ := InConf(openedBy(tt.text))
		var fixes []string
		for _, f := range found {
			if strings.HasPrefix(f.ID, "setting-") {
				fixes = append(fixes, f.Fix)
			}
		}
		if len(fixes) != 1 || fixes[0] != tt.fix {
			t.Errorf("%q: fixes %q, want %q", tt.text, fixes, tt.fix)
		}
	}
}

// The file of an image has very many settings that libvirt does not know, or one with a very long name.
func TestManyUnknownSettings(t *testing.T) {
	var text strings.Builder
	for i := range maxUnknown + 7 {
		fmt.Fprintf(&text, "tls_por%d = 1\n", i)
	}
	for name, test := range map[string]struct {
		text, last string
		want       int
	}{
		"as many as are listed": {text.String()[:strings.Index(text.String(), fmt.Sprintf("tls_por%d ", maxUnknown))], "libvirt does not know it and ignores it; tls_port is close", maxUnknown},
		"more":                  {text.String(), "libvirt does not know it and ignores it; tls_port is close; so it is with 7 more settings", maxUnknown},
		"a long name":           {strings.Repeat("a", 1<<20) + " = 1\n", "libvirt does not know it and ignores it", 1},
	} {
		file, err := conf.Parse([]byte(test.text))
		if err != nil {
			t.Fatal(err)
		}
		got := UnknownSettings(file, false)
		if len(got) != test.want || got[len(got)-1].Text != test.last {
			t.Errorf("%s: %d, the last: %s", name, len(got), got[len(got)-1].Text)
		}
	}
}
