package lab

import (
	"testing"
)

func TestHolds(t *testing.T) {
	trixie := Release{Name: "trixie", Libvirt: "11.3"}
	for comparison, want := range map[string]bool{
		">=11": true, ">=11.3": true, ">=11.4": false, ">=12": false, ">=9.10": true,
		"<=11": true, "<=11.2": false, "<11.10": true, "<11": false, ">11": false,
		">9": true, "=11": true, "=11.3": true, "=1": false, ">11.2": true,
	} {
		got, err := trixie.Holds(comparison)
		if err != nil || got != want {
			t.Errorf("libvirt 11.3 %s: got %v, %v, want %v", comparison, got, err, want)
		}
	}
	for _, bad := range []string{"", "11", "~11", ">=", ">=eleven"} {
		if _, err := trixie.Holds(bad); err == nil {
			t.Errorf("comparison %q: got no error", bad)
		}
	}
}

func TestSelect(t *testing.T) {
	for list, want := range map[string]int{"": len(Releases()), "bookworm": 1, "trixie, forky": 2} {
		got, err := Select(list)
		if err != nil || len(got) != want {
			t.Errorf("Select(%q): got %v, %v, want %d releases", list, got, err, want)
		}
	}
	if got, err := Select("bookwrom"); err == nil {
		t.Errorf("Select of an unknown name: got %v, want an error", got)
	}
}
