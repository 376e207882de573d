package inspect

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"virtpki/internal/judge"
)

func ids(found []judge.Finding) (ids []string) {
	for _, f := range found {
		ids = append(ids, f.ID)
	}
	return ids
}

// TestSettled leaves out findings on the contents of a file that could not be read.
func TestSettled(t *testing.T) {
	gone := judge.Finding{ID: "not-readable", Level: judge.Error, Stage: judge.Places, File: "a"}
	contents := judge.Finding{ID: "cert-missing", Level: judge.Error, Stage: judge.Own, File: "a"}
	other := judge.Finding{ID: "cert-expired", Level: judge.Error, Stage: judge.Own, File: "b"}
	mode := judge.Finding{ID: "mode", Level: judge.Warning, Stage: judge.Places, File: "a"}
	noPair := judge.Finding{ID: "no-client-pair", Level: judge.Error, Stage: judge.Session, File: "a"}
	noCert := judge.Finding{ID: "no-certificate", Level: judge.Error, Stage: judge.Session, File: "b"}
	for _, test := range []struct {
		name  string
		found []judge.Finding
		want  []string
	}{
		{"nothing", nil, nil},
		{"a file that is gone has no contents", []judge.Finding{gone, contents, other}, []string{"not-readable", "cert-expired"}},
		{"but a mode", []judge.Finding{mode, gone}, []string{"mode", "not-readable"}},
		{"a mode alone leaves the contents", []judge.Finding{mode, contents}, []string{"mode", "cert-missing"}},
		{"without a pair no certificate is said once", []judge.Finding{noPair, noCert}, []string{"no-client-pair"}},
		{"with one it is said", []judge.Finding{noCert}, []string{"no-certificate"}},
	} {
		if got := ids(settled(test.found)); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestReport joins places, keeps each finding once and in the order of the stages, and asks for
// each fix.
func TestReport(t *testing.T) {
	own := judge.Finding{ID: "ca-expired", Level: judge.Error, Stage: judge.Own, File: "ca", Text: "for the server"}
	again := own
	again.Text = "for the client"
	host := judge.Finding{ID: "weak-key", Level: judge.Note, Stage: judge.Host, File: "cert"}
	place := judge.Finding{ID: "mode", Level: judge.Warning, Stage: judge.Places, File: "cert"}
	wrongKey := judge.Finding{ID: "ca-key-mismatch", Level: judge.Error, Stage: judge.Host, File: "ca"}
	g := gathered{base: "/etc"}
	g.conclude(party{role: "server", program: "libvirtd"}, "/etc", []judge.Finding{host, own})
	g.say("/etc/libvirt/libvirtd.conf", nil)
	g.conclude(party{role: "client", program: "virsh"}, "/etc", []judge.Finding{again, place, host, wrongKey})
	g.conclude(party{role: "client", program: "virsh"}, "/etc", []judge.Finding{again})
	r := g.report(func(f judge.Finding) string { return "fix " + f.ID })
	if len(r.Areas) != 1 || r.Areas[0].Title != "/etc/pki" {
		t.Fatalf("%+v", r.Areas)
	}
	if got, want := ids(r.Findings()), []string{"ca-key-mismatch", "mode", "ca-expired", "weak-key"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if fix := r.Findings()[1].Fix; fix != "fix mode" {
		t.Errorf("fix %q", fix)
	}
	if len(r.Verdicts) != 2 {
		t.Errorf("the same verdict twice: %+v", r.Verdicts)
	}
	if !r.Refused(false) || r.Unknown() {
		t.Errorf("refused %v, unknown %v", r.Refused(false), r.Unknown())
	}
	warned := &Report{Areas: []Area{{Found: []judge.Finding{place}}}}
	if warned.Refused(false) || !warned.Refused(true) {
		t.Error("a warning refuses with --strict alone")
	}
}

// TestJSON never writes null for an empty list, and leaves a command as it is typed.
func TestJSON(t *testing.T) {
	encoded := func(r *Report) string {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(r.JSON()); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if got, want := encoded(&Report{For: "any"}), `{"clean":true,"for":"any","verdicts":[],"findings":[]}`+"\n"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	note := judge.Finding{ID: "a", Level: judge.Note, Stage: judge.Host, Fix: "x && y"}
	got := encoded(&Report{Areas: []Area{{"/etc/pki", []judge.Finding{note}}}})
	if want := `"clean":true`; !strings.Contains(got, want) {
		t.Errorf("a note: %s", got)
	}
	if want := `{"place":"/etc/pki","id":"a","level":"note","stage":"host","text":"","fix":"x && y"}`; !strings.Contains(got, want) {
		t.Errorf("%s, want %s", got, want)
	}
	note.Level = judge.Warning
	if got := encoded(&Report{Areas: []Area{{"/etc/pki", []judge.Finding{note}}}}); !strings.Contains(got, `"clean":false`) {
		t.Errorf("a warning: %s", got)
	}
}
