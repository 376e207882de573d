package inventory

import "testing"

// A client with a new DN is locked out if a daemon that may listen lists only the previous DN.
func TestStillAdmitted(t *testing.T) {
	list := func(text string) files {
		return files{"etc/libvirt/libvirtd.conf": text, "etc/default/libvirtd": "LIBVIRTD_ARGS=--listen\n"}
	}
	const allowed = "tls_allowed_dn_list = "
	for _, c := range []struct {
		name string
		conf files
		want bool
	}{
		{"no list", list(""), true},
		{"both", list(allowed + `["CN=hv1", "C=GB,CN=hv1"]`), true},
		{"a pattern for both", list(allowed + `["*CN=hv1"]`), true},
		{"neither", list(allowed + `["CN=admin"]`), true},
		{"the new one alone", list(allowed + `["CN=hv1"]`), true},
		{"the one of before alone", list(allowed + `["C=GB,CN=hv1"]`), false},
		{"an empty list", list(allowed + "[]"), true},
		{"in a file with an error", list(allowed + `["C=GB,CN=hv1"]` + "\n="), true},
		{"of a daemon that does not listen", files{"etc/libvirt/libvirtd.conf": allowed + `["C=GB,CN=hv1"]`}, true},
		{"listen_tls = 0", list(allowed + `["C=GB,CN=hv1"]` + "\nlisten_tls = 0"), true},
	} {
		err := Look(image(t, with(debian, masked, c.conf)), nil).StillAdmitted("C=GB,CN=hv1", "CN=hv1")
		if (err == nil) != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}
