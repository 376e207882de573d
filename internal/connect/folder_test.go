package connect

import "testing"

// A fix moves a directory aside only if it is one for ?pkipath=.
func TestPairFolder(t *testing.T) {
	for _, c := range []struct{ cert, key, want string }{
		{"/root/b/bob/clientcert.pem", "/root/b/bob/clientkey.pem", "/root/b/bob"},
		{"bob/clientcert.pem", "./bob/clientkey.pem", "bob"},
		{"clientcert.pem", "clientkey.pem", "."},
		{"/etc/pki/libvirt/clientcert.pem", "/etc/pki/libvirt/private/clientkey.pem", ""},
		{"bob/cert.pem", "bob/clientkey.pem", ""},
		{"a/clientcert.pem", "b/clientkey.pem", ""},
	} {
		if got := pairFolder(c.cert, c.key); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.cert, c.key, got, c.want)
		}
	}
}
