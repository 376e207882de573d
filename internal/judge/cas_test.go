package judge

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestCheckCAs(t *testing.T) {
	b := newBench()
	file := func(edits ...edit) []byte { return pemOf("", b.ca(edits...)).Data }
	sound := file()
	for _, c := range []struct {
		name string
		data []byte
		want string // in the error; empty for none
	}{
		{"sound", sound, ""},
		{"sixteen", bytes.Repeat(sound, 16), ""},
		{"seventeen", bytes.Repeat(sound, 17), "contains 17 CAs, but only the first 16 count"},
		{"a bad one behind a good one", append(bytes.Clone(sound), file(expired)...), "expired on"},
		{"the largest", append(bytes.Clone(sound), bytes.Repeat([]byte("\n"), 65536-len(sound))...), ""},
		{"too large", append(bytes.Clone(sound), bytes.Repeat([]byte("\n"), 65537-len(sound))...), "has 65537 bytes, and libvirt reads at most 65536"},
		{"expired", file(expired), "expired on"},
		{"not valid yet", file(future), "is not valid before"},
		{"a leaf", file(with(extBC(true, false, -1))), `the certificate "O=Lab,CN=Lab CA" is not a CA certificate`},
		{"without basic constraints", file(with(extKU(true, 0x06))), "has no basic constraints"},
		{"may not sign", file(with(extBC(true, true, -1), extKU(true, 0x80))), "does not permit signing certificates"},
		{"should not sign", file(with(extBC(true, true, -1), extKU(false, 0x80))), "does not permit signing certificates"},
		{"no certificate", []byte("garbage\n"), "does not contain a CERTIFICATE block"},
		{"empty", []byte{}, "it is empty"},
	} {
		err := CheckCAs(c.data, time.Now())
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
