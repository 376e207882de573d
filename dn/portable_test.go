package dn_test

import (
	"strings"
	"testing"

	"virtpki/dn"
)

func TestExact(t *testing.T) {
	tests := []struct{ name, want string }{
		{"C=GB,O=Acme,CN=admin", "C=GB,O=Acme,CN=admin"},
		{`O=Acme\, Inc.,CN=a`, "O=Acme?, Inc.,CN=a"},
		{"CN=*.example.com", "CN=?.example.com"},
		{"CN=[abc]?", "CN=?abc]?"},
		{"CN=Jürgen", "CN=Jürgen"},
	}
	for _, tt := range tests {
		if got := dn.Exact(tt.name); got != tt.want {
			t.Errorf("Exact(%q) = %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestExactMatchesItsNameRandom(t *testing.T) {
	r := newRand(t)
	checked := 0
	for range rounds(5000) {
		name, err := dn.FromRDNSequence(randomSubject(t, r))
		if err != nil || strings.ToValidUTF8(name, "") != name {
			continue
		}
		checked++
		for _, m := range []dn.Matcher{dn.Glob, dn.Fnmatch} {
			if p := dn.Exact(name); !m.Match(p, name) {
				t.Fatalf("%v: Exact(%q) = %q does not match it", m, name, p)
			}
		}
	}
	if checked == 0 {
		t.Error("nothing checked")
	}
}

func TestDiagnose(t *testing.T) {
	tests := []struct{ name, text, want, ids string }{
		{"libvirt's own", "C=GB,O=Acme,CN=a", "C=GB,O=Acme,CN=a", ""},
		{"certtool, RFC 4514, Go", "CN=a,OU=x+OU=y,O=Acme,C=GB", "C=GB,O=Acme,OU=x+OU=y,CN=a", "reversed-order"},
		{"RFC 4514 with a hex pair", `CN=a\2C b,O=c`, `O=c,CN=a\, b`, "hex-form reversed-order"},
		{"openssl old", "/C=GB/O=Acme, Inc./CN=a/b/emailAddress=x@y", `C=GB,O=Acme\, Inc.,CN=a/b,EMAIL=x@y`, "slashes type-spelling"},
		{"openssl new", `C = GB, O = "Acme, Inc.", CN = a`, `C=GB,O=Acme\, Inc.,CN=a`, "spaces spaces-around-equals quotes"},
		{"openssl with its label", "subject=C = GB, CN = a", "C=GB,CN=a", "label spaces spaces-around-equals"},
		{"certtool with its label", "Subject: CN=a,O=b", "O=b,CN=a", "label reversed-order"},
		{"long names", "commonName=a", "CN=a", "type-spelling"},
		{"lower case", "cn=a", "CN=a", "type-case"},
		{"semicolons", "O=a;CN=b", "O=a,CN=b", "semicolon"},
		{"bare comma in a value", "O=Acme, Inc.,CN=a", `O=Acme\, Inc.,CN=a`, "escapes"},
		{"unknown type", "O=a,foo=b", "O=a,foo=b", "unknown-type"},
		{"hex in upper case", "1.2.3.4=#0C0161", "1.2.3.4=#0c0161", "hex-form"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := dn.Diagnose(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, p := range d.Problems {
				ids = append(ids, p.ID)
			}
			if got := strings.Join(ids, " "); d.Right != tt.want || got != tt.ids {
				t.Errorf("got %q with %q, want %q with %q", d.Right, got, tt.want, tt.ids)
			}
		})
	}
	for _, text := range []string{"", "foo", "CN", "=a", ",", "CN=a,b=", "\x00"} {
		d, err := dn.Diagnose(text)
		if (err == nil) != (text == "CN=a,b=") {
			t.Errorf("Diagnose(%q) = %+v, %v", text, d, err)
		}
	}
}

// TestDiagnoseKeepsNames checks that Diagnose finds no fault in a name as GnuTLS prints it, except
// perhaps for its order.
func TestDiagnoseKeepsNames(t *testing.T) {
	r := newRand(t)
	for range rounds(5000) {
		name, err := dn.FromRDNSequence(randomSubject(t, r))
		if err != nil || strings.HasSuffix(name, ",") || strings.HasSuffix(name, "+") {
			continue
		}
		d, err := dn.Diagnose(name)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		for _, p := range d.Problems {
			if p.ID != "reversed-order" {
				t.Fatalf("%q: %+v", name, p)
			}
		}
		if len(d.Problems) == 0 && d.Right != name {
			t.Fatalf("%q is said to be right, and becomes %q", name, d.Right)
		}
	}
}
