package generate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"virtpki/internal/change"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
)

// The arguments that renew gets, the directories that its service may write into, and the services
// that it needs.
func TestRenewal(t *testing.T) {
	sysconfdir := machine.DefaultSysconfdir()
	pki := libvirt.System(sysconfdir).Top()
	for _, c := range []struct {
		name      string
		r         Renewal
		arguments string
		writable  []string
		needs     []string
	}{
		{"the default", Renewal{Sysconfdir: sysconfdir, Before: "33%"}, "", []string{pki}, nil},
		{"another CA", Renewal{Sysconfdir: sysconfdir, Before: "33%", CA: "/srv/ca"}, "--ca=/srv/ca", []string{pki, "/srv/ca"}, []string{"/srv/ca"}},
		{"a CA inside", Renewal{Sysconfdir: sysconfdir, Before: "33%", CA: pki + "/CA2"}, "--ca=" + pki + "/CA2", []string{pki}, []string{pki + "/CA2"}},
		{"beside it, with the same beginning", Renewal{Sysconfdir: sysconfdir, Before: "33%", CA: pki + "2"}, "--ca=" + pki + "2", []string{pki, pki + "2"}, []string{pki + "2"}},
		{"metrics", Renewal{Sysconfdir: sysconfdir, Before: "33%", Metrics: "/var/lib/m/v.prom"}, "--metrics=/var/lib/m/v.prom", []string{pki, "/var/lib/m"}, []string{"/var/lib/m"}},
		{"all flags", Renewal{Binary: "/usr/bin/virtpki", Sysconfdir: "/x", Passphrase: "/root/pass", Before: "9d", SameKey: true, NoReload: true, Restart: "true", Via: "ssh ca"},
			"--sysconfdir=/x --before=9d --same-key --no-reload --restart-command=true --via=ssh ca", []string{"/x/pki"}, []string{"/usr/bin/virtpki", "/root/pass"}},
	} {
		if got := strings.Join(c.r.arguments(), " "); got != c.arguments {
			t.Errorf("%s: arguments %q, want %q", c.name, got, c.arguments)
		}
		if got := c.r.writable(); !slices.Equal(got, c.writable) {
			t.Errorf("%s: writable %q, want %q", c.name, got, c.writable)
		}
		if got := c.r.Needs(); !slices.Equal(got, c.needs) {
			t.Errorf("%s: needs %q, want %q", c.name, got, c.needs)
		}
	}
}

// Values that a unit or a crontab must not contain: systemd or cron would not find the file, or
// ignore it.
func TestUnreadable(t *testing.T) {
	for _, c := range []struct {
		name string
		r    Renewal
		cron bool
		says string
	}{
		{"a service", Renewal{Binary: "/usr/bin/virtpki", Sysconfdir: "/etc", Calendar: "daily"}, false, ""},
		{"a program in /tmp", Renewal{Binary: "/tmp/virtpki", Sysconfdir: "/etc", Calendar: "daily"}, false, "/tmp/virtpki: the service cannot see the files in /tmp"},
		{"a passphrase of this process", Renewal{Binary: "/usr/bin/virtpki", Passphrase: "/dev/fd/3", Sysconfdir: "/etc", Calendar: "daily"}, false, "the files in /dev"},
		{"metrics in /var/tmp", Renewal{Binary: "/usr/bin/virtpki", Metrics: "/var/tmp/x.prom", Sysconfdir: "/etc", Calendar: "daily"}, false, "the files in /var/tmp"},
		{"a program in /tmpfiles", Renewal{Binary: "/tmpfiles/virtpki", Sysconfdir: "/etc", Calendar: "daily"}, false, ""},
		{"a crontab", Renewal{Binary: "/usr/bin/virtpki", Host: "hv1", Out: "/etc/cron.d/virtpki"}, true, ""},
		{"a crontab with a dot", Renewal{Binary: "/usr/bin/virtpki", Host: "hv1", Out: "/etc/cron.d/virtpki.cron"}, true, "cron ignores a file with such a name"},
		{"a dot elsewhere", Renewal{Binary: "/usr/bin/virtpki", Host: "hv1", Out: "virtpki.cron"}, true, ""},
		{"cron and a program in /tmp", Renewal{Binary: "/tmp/virtpki", Host: "hv1"}, true, ""},
	} {
		make := c.r.Units
		if c.cron {
			make = c.r.Crontab
		}
		if _, err := make(); (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.says)
		}
	}
}

func TestFirstBootCheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		r     FirstBoot
		names []string
		says  string
	}{
		{"a CA of its own", FirstBoot{Organisation: "Lab", Client: "admin", SANs: []string{"10.0.0.1"}}, []string{"hv1"}, ""},
		{"a bundle", FirstBoot{Bundle: "out"}, []string{"hv1"}, ""},
		{"a request", FirstBoot{Request: true, Via: "ssh ca"}, []string{"hv1"}, ""},
		{"a name twice", FirstBoot{Bundle: "out", Out: "o"}, []string{"hv1", "HV1"}, `name "HV1" is given twice`},
		{"several names on stdout", FirstBoot{Bundle: "out"}, []string{"hv1", "hv2"}, "several names need --out"},
		{"more names for a bundle", FirstBoot{Bundle: "out", SANs: []string{"x"}}, []string{"hv1"}, "issue made those of a bundle"},
		{"a client of a bundle", FirstBoot{Bundle: "out", Client: "admin"}, []string{"hv1"}, "--client needs --name or --issuer"},
		{"a way for nothing", FirstBoot{Bundle: "out", Via: "ssh ca"}, []string{"hv1"}, "--via needs --request"},
		{"no address", FirstBoot{Organisation: "Lab", SANs: []string{"10.0.0.x/8"}}, []string{"hv1"}, "10.0.0.x/8"},
		{"a list that admits nobody", FirstBoot{Organisation: "Lab", Allow: []string{""}}, []string{"hv1"}, "an empty pattern admits nobody"},
	} {
		c.r.WaitClock = "10m"
		err := c.r.Check(c.names)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.says)
		}
	}
}

// In a project the files that people edit are written once. The role is virtpki's and is replaced
// with each release.
func TestAnsibleKeepsWhatIsEdited(t *testing.T) {
	out := t.TempDir()
	a := &Ansible{Hosts: []string{"hv1.example"}, CAHost: "localhost", Out: out}
	m := machine.New()
	plan := func() *change.Job {
		t.Helper()
		j := change.NewJob(m)
		if err := a.Plan(j); err != nil {
			t.Fatal(err)
		}
		return j
	}
	if err := plan().Plan.Apply(); err != nil {
		t.Fatal(err)
	}
	if j := plan(); len(j.Plan.Changes()) != 0 || len(j.Notes) != 0 {
		t.Errorf("again: %v, %q", j.Plan.Changes(), j.Notes)
	}
	inventory := filepath.Join(out, "inventory.yml")
	if err := os.WriteFile(inventory, []byte("mine\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if j := plan(); len(j.Plan.Changes()) != 0 || !slices.Contains(j.Notes, inventory+" belongs to you: not changed") {
		t.Errorf("edited: %v, %q", j.Plan.Changes(), j.Notes)
	}
}
