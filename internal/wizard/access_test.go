package wizard

import "testing"

// An answer by name is the default only where it adds the new clients and changes nothing else.
func TestLacksNew(t *testing.T) {
	all := []candidate{{dn: "CN=hv1", what: "this host"}, {dn: "CN=new", what: madeNow}, {dn: "CN=old", what: "signed before", exists: true}}
	for name, c := range map[string]struct {
		list []string
		want bool
	}{
		"the new one is lacking":    {[]string{"CN=hv1", "CN=old"}, true},
		"nobody is lacking":         {[]string{"CN=hv1", "CN=old", "CN=new"}, false},
		"an old one was left out":   {[]string{"CN=hv1"}, false},
		"somebody unknown would go": {[]string{"CN=hv1", "CN=old", "O=Other,CN=x"}, false},
		"a pattern would go":        {[]string{"CN=hv1", "CN=old", "CN=*"}, false},
		"an empty list":             {nil, false},
	} {
		if got := lacksNew(c.list, all); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
