package certinfo

import (
	"strings"
	"testing"
	"time"
)

func TestNarrow(t *testing.T) {
	now := time.Date(2027, 6, 1, 0, 0, 0, 0, time.UTC)
	one := func(name string, roles string, from, to int) Info {
		i := Info{Name: name, Roles: strings.Fields(roles), NotBefore: now.AddDate(0, 0, from), NotAfter: now.AddDate(0, 0, to)}
		i.Ends = i.NotAfter
		return i
	}
	all := List{one("ca", "ca", -10, 3000), one("hv1", "server", -300, 60), one("hv2", "server client", -10, 350), one("Alice", "client", -400, -1)}
	all[2].DNS, all[2].IPs = []string{"hv2.lab.example"}, []string{"10.0.0.2"}
	for _, c := range []struct {
		f    Filter
		want string
	}{
		{Filter{}, "ca hv1 hv2 Alice"},
		{Filter{Limit: 2}, "ca hv1"},
		{Filter{Limit: 9}, "ca hv1 hv2 Alice"},
		{Filter{Name: "alice"}, "Alice"},
		{Filter{Name: "HV?"}, "hv1 hv2"},
		{Filter{Name: "*.lab.example"}, "hv2"},
		{Filter{Name: "10.0.0.2"}, "hv2"},
		{Filter{Role: "client"}, "hv2 Alice"},
		{Filter{Role: "server", Name: "hv1"}, "hv1"},
		{Filter{Due: true}, "hv1 Alice"},
		{Filter{Due: true, Limit: 1}, "hv1"},
		{Filter{Expired: true}, "Alice"},
		{Filter{Expired: true, Role: "server"}, ""},
	} {
		got, left := all.Narrow(c.f, now)
		var names []string
		for _, i := range got {
			names = append(names, i.Name)
		}
		if strings.Join(names, " ") != c.want || left != len(all)-len(got) {
			t.Errorf("%+v: %q, %d left out, want %q", c.f, names, left, c.want)
		}
	}
	for _, c := range []struct {
		f    Filter
		want string
	}{{Filter{Name: "[a"}, "is not a pattern"}, {Filter{Role: "host"}, "unknown role"}, {Filter{Limit: -1}, "is negative"}, {Filter{Name: "*", Role: "ca"}, ""}} {
		if err := c.f.Check(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.f, err)
		}
	}
}
