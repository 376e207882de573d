package fleet

import (
	"strings"
	"testing"

	"virtpki/internal/hint"
)

func TestParseHosts(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       string // the hosts with their SANs, or the error
		bad        bool
	}{
		{"names and SANs", "hv1 10.0.0.1 hv1.lab\nhv2\n", "hv1(10.0.0.1 hv1.lab) hv2()", false},
		{"comments and empty lines", "# all\n\nhv1 # 10.0.0.1\n   \nhv2 nat #x\n", "hv1() hv2(nat)", false},
		{"a byte order mark, and the line ends of other systems", "\xef\xbb\xbfhv1\r\nhv2\r\n", "hv1() hv2()", false},
		{"no line end at last", "hv1\nhv2", "hv1() hv2()", false},
		{"nobody", "# none\n", "list names no host", true},
		{"a NUL", "hv1\nhv\x002\n", "list: line 2: has a NUL byte: not a text file", true},
		{"no UTF-8", "hv\xff\n", "list: line 1: is not valid UTF-8", true},
		{"a long line", strings.Repeat("x", maxHostLine+1), "list: line 1: 65537 bytes are too long (at most 65536)", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := ParseHosts("list", []byte(c.text))
			if c.bad {
				if err == nil || err.Error() != c.want {
					t.Errorf("error %v, want %s", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, h := range list.hosts {
				name, sans := h.fields()
				got = append(got, name+"("+strings.Join(sans, " ")+")")
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("hosts are %s, want %s", text, c.want)
			}
		})
	}
}

// A name is given once, however it is written. A second one is a usage error on a command line,
// and a bad line in a file.
func TestTwins(t *testing.T) {
	parsed, err := ParseHosts("list", []byte("hv1\nhv2\nHV1\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		list  *Hosts
		want  string // part of the error; empty for none
		usage bool
	}{
		{"different", Named([]string{"hv1", "hv2"}), "", false},
		{"twice", Named([]string{"hv1", "hv1"}), "is given twice", true},
		{"in another case", Named([]string{"hv1", "Hv1"}), "written differently", true},
		{"in a file", parsed, "list: line 3: name \"HV1\" is \"hv1\", written differently, first in line 1", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.list.checkTwins()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || hint.IsUsage(err) != c.usage {
				t.Errorf("error %v, want %q, usage %v", err, c.want, c.usage)
			}
		})
	}
}

// Where a bundle lies, and whether all go into one archive.
func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		r     Request
		one   bool
		place string
	}{
		{Request{Out: "out"}, false, "out/hv1"},
		{Request{Out: "out", Tar: true}, false, "out/hv1.tar"},
		{Request{Out: "all.tar", Tar: true}, true, "hv1 in all.tar"},
		{Request{Out: "-", Tar: true}, true, "hv1 in -"},
		{Request{Out: "all.tar"}, false, "all.tar/hv1"},
	} {
		if c.r.OneArchive() != c.one || c.r.placeOf("hv1") != c.place {
			t.Errorf("%q: one archive %v, %s; want %v, %s", c.r.Out, c.r.OneArchive(), c.r.placeOf("hv1"), c.one, c.place)
		}
	}
}
