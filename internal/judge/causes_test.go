package judge

import (
	"strings"
	"testing"
)

func TestCauses(t *testing.T) {
	ca, cert, key := "/p/CA/cacert.pem", "/p/servercert.pem", "/p/serverkey.pem"
	of := func(id string, level Level, file string) Finding { return Finding{ID: id, Level: level, File: file} }
	swappedPair := Finding{ID: "swapped", Level: Error, File: cert, about: []string{cert, key}}
	owner := func(path, fix string) Finding {
		return Finding{ID: "owner", Level: Warning, File: path, Text: "it belongs to user 7", Fix: fix}
	}
	for _, test := range []struct {
		name  string
		found []Finding
		want  string // the cause of each, by spaces
		fix   string // of the first
	}{
		{"nothing follows", []Finding{of("key-open", Warning, key), of("cert-expired", Error, cert)}, "- -", ""},
		{"a clock", []Finding{of("clock", Error, ""), of("ca-future", Error, ca), of("cert-future", Error, cert), of("mode", Note, key)}, "- clock clock -", ""},
		{"a clock that is ahead", []Finding{of("clock-ahead", Error, ""), of("ca-expired", Error, ca), of("cert-expired", Error, cert), of("crl-expired", Warning, ca), of("cert-future", Error, cert)}, "- clock-ahead clock-ahead clock-ahead -", ""},
		{"the cause comes last", []Finding{of("cert-future", Error, cert), of("clock", Error, "")}, "clock -", ""},
		{"swapped files", []Finding{swappedPair, of("cert-not-pem", Error, cert), of("key-open", Warning, key), of("key-open", Warning, "/other")}, "- swapped swapped -", ""},
		{"an expired CA", []Finding{of("ca-expired", Error, ca), of("cert-expired", Error, cert), of("ca-expired", Error, "/q/ca-cert.pem"), of("ends-soon", Note, cert)}, "- ca-expired ca-expired -", ""},
		{"a CA's key that is another's", []Finding{of("ca-key-mismatch", Error, "/k"), of("issuer-other-key", Error, cert), of("crl-foreign", Note, ca)}, "- ca-key-mismatch -", ""},
		{"no CA", []Finding{of("no-ca", Error, ca), of("crl-missing", Note, ca)}, "- no-ca", ""},
		{"one owner", []Finding{owner("/p", "chown root:root /p"), owner("/p/a b", "chown root:root '/p/a b'")}, "- owner", "chown root:root /p '/p/a b'"},
		{"one user", []Finding{owner("/p", "chown -h 7:7 /p"), owner("/q", "chown -h 7:7 /q")}, "- owner", "chown -h 7:7 /p /q"},
		{"another owner", []Finding{owner("/p", "chown root:root /p"), owner("/q", "chown 0 /q")}, "- -", "chown root:root /p"},
		{"an owner and a group", []Finding{owner("/p", "chown 0 /p"), owner("/q", "chown 0 /q && chgrp x /q")}, "- -", "chown 0 /p"},
	} {
		var found []*Finding
		for i := range test.found {
			found = append(found, &test.found[i])
		}
		Causes(found)
		var got []string
		followers, marked := 0, 0
		for _, f := range found {
			if f.Cause == "" {
				got = append(got, "-")
			} else {
				got = append(got, f.Cause)
				marked++
			}
			followers += f.Followers
		}
		if strings.Join(got, " ") != test.want || found[0].Fix != test.fix || followers != marked {
			t.Errorf("%s: %v with %d followers, fix %q", test.name, got, followers, found[0].Fix)
		}
	}
}

func TestBest(t *testing.T) {
	renew := Finding{ID: "cert-expired", Level: Error, Fix: "virtpki renew"}
	words := Finding{ID: "x", Level: Error, Fix: "set the clock"}
	cause := Finding{ID: "owner", Level: Warning, Fix: "chown root:root /a /b", Followers: 1}
	follows := Finding{ID: "owner", Level: Warning, Fix: "chown root:root /b", Cause: "owner"}
	note := Finding{ID: "n", Level: Note, Fix: "virtpki renew"}
	for _, test := range []struct {
		found []Finding
		want  string
		fixes int
		of    int
	}{
		{nil, "", 0, 0},
		{[]Finding{renew}, "", 0, 1},
		{[]Finding{renew, note}, "", 0, 1},
		{[]Finding{words, words}, "", 0, 2},
		{[]Finding{renew, renew, words}, "virtpki renew", 2, 3},
		{[]Finding{renew, cause, follows}, "chown root:root /a /b", 2, 3},
	} {
		if command, fixes, of := Best(test.found); command != test.want || fixes != test.fixes || of != test.of {
			t.Errorf("%v: %q fixes %d of %d", test.found, command, fixes, of)
		}
	}
}
