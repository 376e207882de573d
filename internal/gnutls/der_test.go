package gnutls

import (
	"testing"

	"golang.org/x/crypto/cryptobyte"
)

func TestReadOID(t *testing.T) {
	for _, test := range []struct {
		name, content, want string
		refused             bool
	}{
		{"commonName", "\x55\x04\x03", "2.5.4.3", false},
		{"first arc 0", "\x09", "0.9", false},
		{"first arc 1", "\x2a\x86\x48", "1.2.840", false},
		{"first arc 2, second over 39", "\x88\x37\x03", "2.999.3", false},
		{"63 bits", "\x2a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "1.2.9223372036854775807", false},
		{"70 bits", "\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "1.2.1180591620717411303423", false},
		{"70 bits first", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "2.1180591620717411303343", false},
		{"a last arc that never ends", "\x2a\x03\x81", "1.2.3", false},
		{"an only arc that never ends", "\x81", "", true},
		{"a leading zero", "\x2a\x80\x01", "", true},
		{"empty", "", "", true},
	} {
		s := cryptobyte.String("\x06" + string(byte(len(test.content))) + test.content)
		var got string
		if ok := readOID(&s, &got); ok == test.refused || got != test.want {
			t.Errorf("%s: %q, %v, want %q", test.name, got, ok, test.want)
		}
	}
}
