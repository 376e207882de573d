package pki

import (
	"strings"
	"testing"
)

func TestIsDNSName(t *testing.T) {
	label := strings.Repeat("a", 63)
	long := strings.Join([]string{label, label, label, label[:61]}, ".") // 253 octets
	for _, row := range []struct {
		name, also string
		want       bool
	}{
		{"hv1", "", true},
		{"HV1.lab.example", "", true},
		{"1.2.3.4", "", true},
		{"a-b.c--d", "", true},
		{label, "", true},
		{long, "", true},
		{"hv_1.lab", "_", true},
		{"_hv1_", "_", true},
		{"", "", false},
		{".", "", false},
		{"a.", "", false},
		{".a", "", false},
		{"a..b", "", false},
		{"-a", "", false},
		{"a-", "", false},
		{"-", "", false},
		{"a.-b", "_", false},
		{"hv_1", "", false},
		{"*.lab", "_", false},
		{"bad guy.lab", "_", false},
		{"аdmin.lab", "_", false}, // a Cyrillic a
		{"a\n", "_", false},
		{label + "a", "", false},
		{long + "a", "", false},
	} {
		if got := IsDNSName(row.name, row.also); got != row.want {
			t.Errorf("IsDNSName(%q, %q) = %v", row.name, row.also, got)
		}
	}
}
