package provision

import (
	"testing"

	"virtpki/internal/hint"
	"virtpki/internal/subject"
)

func TestNamingParse(t *testing.T) {
	for _, c := range []struct {
		naming        Naming
		role, subject string
		want          subject.Kind // empty for a usage error
	}{
		{Naming{SANs: []string{"db1"}}, "host", "", subject.Host},
		{Naming{SANs: []string{"db1"}, OnlySANs: true}, "server", "CN=hv1", subject.Server},
		{Naming{}, "client", "C=GB,CN=alice", subject.Client},
		{Naming{SANs: []string{"db1"}}, "client", "", ""},
		{Naming{OnlySANs: true}, "client", "", ""},
		{Naming{}, "daemon", "", ""},
		{Naming{}, "client", "alice", ""},
	} {
		err := c.naming.Parse(c.role, c.subject)
		if (err == nil) != (c.want != "") || err != nil && !hint.IsUsage(err) {
			t.Errorf("%s %q: error %v", c.role, c.subject, err)
			continue
		}
		if err == nil && (c.naming.Kind != c.want || (c.naming.RawSubject != nil) != (c.subject != "")) {
			t.Errorf("%s %q: %+v", c.role, c.subject, c.naming)
		}
	}
}
