package templates

import (
	"strings"
	"testing"
)

// renewal returns a small, valid Renewal.
func renewal() Renewal {
	return Renewal{Command: []string{"/usr/bin/virtpki", "renew"}, Writable: []string{"/etc/pki"}, Calendar: "daily", Delay: "1h"}
}

func TestQuoting(t *testing.T) {
	for _, c := range []struct{ in, word, arg, cron string }{
		{"plain-1.2/x=y", "plain-1.2/x=y", "plain-1.2/x=y", "plain-1.2/x=y"},
		{"", `""`, `""`, `''`},
		{"a b", `"a b"`, `"a b"`, `'a b'`},
		{`"`, `"\""`, `"\""`, `'"'`},
		{`'`, `"'"`, `"'"`, `''\'''`},
		{`\`, `"\\"`, `"\\"`, `'\'`},
		{"$x", `"$x"`, `"$$x"`, `'$x'`},
		{"${x}", `"${x}"`, `"$${x}"`, `'${x}'`},
		{"100%n", `"100%%n"`, `"100%%n"`, `100\%n`},
		{";", `";"`, `";"`, `';'`},
		{"#", `"#"`, `"#"`, `'#'`},
		{"é", `"é"`, `"é"`, `'é'`},
	} {
		if got := unitWord(c.in); got != c.word {
			t.Errorf("unitWord(%q): got %s, want %s", c.in, got, c.word)
		}
		if got := unitArg(c.in); got != c.arg {
			t.Errorf("unitArg(%q): got %s, want %s", c.in, got, c.arg)
		}
		if got := cronArg(c.in); got != c.cron {
			t.Errorf("cronArg(%q): got %s, want %s", c.in, got, c.cron)
		}
	}
}

// A value must never add a line to a file. The test tries each function with each field.
func TestNoLineBreaks(t *testing.T) {
	for _, bad := range []string{"/a\nb", "/a\rb", "/a\x00b", "/a\tb", "/a\x1bb", "/a\u2028b", "/a\xffb"} {
		for name, set := range map[string]func(*Renewal){
			"program":    func(r *Renewal) { r.Command[0] = bad },
			"argument":   func(r *Renewal) { r.Command[1] = bad },
			"passphrase": func(r *Renewal) { r.Passphrase = bad },
			"writable":   func(r *Renewal) { r.Writable = []string{bad} },
			"after":      func(r *Renewal) { r.After = []string{bad} },
		} {
			r := renewal()
			set(&r)
			if text, err := Service(r); err == nil {
				t.Errorf("Service with %s %q: got no error but\n%s", name, bad, text)
			}
			if name == "writable" || name == "after" {
				continue // a crontab does not contain it
			}
			if text, err := Crontab(r); err == nil {
				t.Errorf("Crontab with %s %q: got no error but\n%s", name, bad, text)
			}
		}
		for _, r := range []Renewal{{Calendar: bad}, {Calendar: "daily", Delay: bad}} {
			if text, err := Timer(r); err == nil {
				t.Errorf("Timer with %q: got no error but\n%s", bad, text)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, set := range map[string]func(*Renewal){
		"no command":                 func(r *Renewal) { r.Command = nil },
		"a relative program":         func(r *Renewal) { r.Command[0] = "virtpki" },
		"the root folder writable":   func(r *Renewal) { r.Writable = []string{"//"} },
		"a relative folder writable": func(r *Renewal) { r.Writable = []string{"etc"} },
		"a passphrase with a colon":  func(r *Renewal) { r.Passphrase = "/root/a:b" },
	} {
		r := renewal()
		set(&r)
		for unit, write := range map[string]func(Renewal) ([]byte, error){"service": Service, "watch": Watch} {
			if _, err := write(r); err == nil {
				t.Errorf("%s: %s: got no error", unit, name)
			}
		}
	}
	r := renewal()
	r.Calendar = "daily # no"
	if _, err := Timer(r); err == nil {
		t.Error("a calendar with a comment: got no error")
	}
}

func TestValid(t *testing.T) {
	for name, write := range map[string]func(Renewal) ([]byte, error){"Service": Service, "Watch": Watch, "Timer": Timer, "Crontab": Crontab} {
		text, err := write(renewal())
		if err != nil || !strings.HasSuffix(string(text), "\n") || strings.Contains(string(text), "{{") {
			t.Errorf("%s: got %v and\n%s", name, err, text)
		}
	}
}

func TestMinuteSpreads(t *testing.T) {
	seen := make(map[uint32]bool)
	for _, host := range strings.Fields("hv1 hv2 hv3 hv4 hv5 hv6 hv7 hv8 hv9 hv10 hv11 hv12") {
		minute := Renewal{Host: host}.Minute()
		if minute > 59 {
			t.Errorf("%s: minute %d", host, minute)
		}
		seen[minute] = true
	}
	if len(seen) < 8 {
		t.Errorf("12 hosts share %d minutes", len(seen))
	}
}
