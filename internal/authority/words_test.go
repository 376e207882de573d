package authority

import (
	"strings"
	"testing"
	"time"

	"virtpki/internal/certinfo"
)

// TestWords checks the texts about a CA, a list and a rollover.
func TestWords(t *testing.T) {
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name string
		text string
		want []string // lines
	}{
		{"a CA without a list", string((&Summary{Folder: "/etc/pki/CA", Key: "absent", Signed: 1, Live: 1}).Text()),
			[]string{"its key:  absent (/etc/pki/CA/private/cakey.pem)", "signed:   1 certificate: 1 live, 0 revoked, 0 expired", "CRL:      none"}},
		{"with one", string((&Summary{Certificates: []certinfo.Info{{DN: "CN=a\nb"}}, CRL: &CRLSummary{Number: "3", NextUpdate: at, Entries: 2}}).Text()),
			[]string{`DN:           CN=a\nb`, "CRL:      number 3, 2 entries, fresh until 2026-11-25"}},
		{"a list", string(CRLs{{File: "/a/", Issuer: "CN=ca", Number: "7", NextUpdate: at}}.Text()),
			[]string{"/a", "  of CN=ca"}},
		{"an entry", string(CRLs{{Expired: true, Entries: []CRLEntry{{Serial: "AB", Revoked: at, Reason: "superseded", DN: "CN=x"}}}}.Text()),
			[]string{"SERIAL  REVOKED     REASON      DN", "AB      2026-11-25  superseded  CN=x"}},
		{"no rollover", string((&Status{Next: "nothing"}).Text()), []string{"no rollover is in progress", "next:     nothing"}},
		{"a rollover", string((&Status{UnderWay: true, Old: "o", New: "n", Signs: "old", Switch: &at, Needs: []string{"hv1"}}).Text()),
			[]string{"old CA:   o", "new CA:   n", "needs the old one: hv1"}},
	} {
		lines := strings.Split(test.text, "\n")
		for _, want := range test.want {
			found := false
			for _, line := range lines {
				found = found || line == want
			}
			if !found {
				t.Errorf("%s: no line %q in\n%s", test.name, want, test.text)
			}
		}
	}
}
