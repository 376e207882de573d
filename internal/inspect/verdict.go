package inspect

import (
	"slices"
	"strings"

	"virtpki/internal/judge"
)

// Verdict is the conclusion from all findings on a role. Its JSON form is stable.
type Verdict struct {
	Role  string `json:"role"`
	Says  string `json:"says"`
	Works bool   `json:"works"`
	// Clean reports that no finding is worth a warning.
	Clean bool `json:"clean"`
	// But is a possibly unwanted behaviour of the program with these files; empty if there is none.
	But string `json:"but,omitempty"`

	unread bool   // the program does not read the files
	cert   string // path of the installed certificate; empty for none
	// Unknown reports whether virtpki could not see something that decides the verdict.
	Unknown bool `json:"unknown,omitempty"`
}

// party is the subject of a verdict.
type party struct {
	role    string // server, client, ca or qemu
	program string // the program that reads the files; empty for files without one
	silent  bool   // a daemon that does not listen for TLS
	asked   bool   // judge the files of a daemon that does not listen as if it did
	cert    string // path of the program's certificate, if it is one of this machine's own
}

// caveats describe how a program behaves that starts, or connects, in spite of some findings: on
// names, on the list and on revoked clients.
var caveats = []struct {
	role string
	ids  []string
	text string
}{
	{"server", []string{"nobody-listens", "listen-off"}, "would not listen for TLS"},
	{"server", []string{"no-verify"}, "would admit everybody"},
	{"server", []string{"dn-locks-out"}, "would not admit this host's own client"},
	{"server", []string{"name-missing"}, "clients that use this host's name would refuse it"},
	{"server", []string{"address-missing"}, "clients that use its address would refuse it"},
	{"server", []string{"no-crl", "no-crl-file", "crl-file-gone", "crl-file-alone", "crl-missing"}, "would admit clients that are revoked"},
	{"server", []string{"ends-soon"}, "will not start again once a certificate has expired, within a day"},
	{"client", []string{"ends-soon"}, "no longer once a certificate has expired, within a day"},
	{"qemu", []string{"name-missing", "address-missing"}, "clients that connect to this host would refuse it"},
	{"qemu", []string{"ends-soon"}, "no longer once a certificate has expired, within a day"},
}

// butOf returns the text to add to a verdict. An expiry that is more than a day away does not
// concern today.
func butOf(role string, found []judge.Finding) string {
	var but []string
	for _, c := range caveats {
		if c.role == role && slices.ContainsFunc(found, func(f judge.Finding) bool {
			return slices.Contains(c.ids, f.ID) && (f.ID != "ends-soon" || f.Level == judge.Error)
		}) {
			but = append(but, c.text)
		}
	}
	return strings.Join(but, "; ")
}

// verdict returns the conclusion from the findings on a role.
func verdict(s party, found []judge.Finding) Verdict {
	v := Verdict{Role: s.role, Works: true, Clean: true, unread: s.silent, cert: s.cert}
	refusedAt := judge.Stage("")
	for _, f := range found {
		v.Clean = v.Clean && f.Level == judge.Note
		switch {
		case f.ID == "ends-soon": // it works today
		case f.ID == "no-client-pair":
			v.Works = false
		case f.Level == judge.Error && (refusedAt == "" || refusedAt == judge.Session):
			refusedAt, v.Works = f.Stage, false
		case f.ID == "unseen":
			v.Unknown = true
		}
	}
	v.Unknown = v.Unknown && refusedAt == ""
	v.Clean = v.Clean && v.Works && !v.Unknown
	v.Says = s.text(v, refusedAt)
	if v.Works && !s.silent {
		v.But = butOf(s.role, found)
	}
	return v
}

func (s party) text(v Verdict, refusedAt judge.Stage) string {
	switch s.role {
	case "server":
		return s.serverText(v, refusedAt)
	case "client":
		return s.clientText(v, refusedAt)
	case "qemu":
		return v.choose("QEMU could use "+s.program, "QEMU could not use "+s.program)
	}
	if v.Works && !v.Clean && !v.Unknown {
		return "the CA can be used"
	}
	return v.choose("the CA is in order", "the CA is not in order")
}

func (s party) serverText(v Verdict, refusedAt judge.Stage) string {
	switch {
	case s.asked && refusedAt == judge.Session:
		return s.program + " does not listen for TLS; if it did, it would admit no client"
	case s.asked && !v.Works:
		return s.program + " does not listen for TLS; if it did, it would not start"
	case s.program == "":
		return v.choose("libvirtd would start on these files", "libvirtd would not start on these files")
	case refusedAt == judge.Session:
		return s.program + " would start, but admit no client"
	case s.silent:
		return v.choose(s.program+" would start; it does not listen for TLS", s.program+" would not start")
	}
	return v.choose(s.program+" would start", s.program+" would not start")
}

func (s party) clientText(v Verdict, refusedAt judge.Stage) string {
	from := "from here"
	if s.program == "" {
		from = "with these files"
	}
	switch {
	case refusedAt == judge.Session:
		return "virsh would connect " + from + ", but the server would refuse it"
	case !v.Works && refusedAt == "":
		return "the server would refuse virsh " + from + ": there is no client certificate"
	}
	return v.choose("virsh would connect "+from, "virsh would not connect "+from)
}

func (v Verdict) choose(yes, no string) string {
	switch {
	case !v.Works:
		return no
	case v.Unknown:
		return "as far as you can see, " + yes
	}
	return yes
}

// labels name the subject of a verdict.
var labels = map[string]string{"server": "server files:", "client": "client files:", "ca": "CA files:", "qemu": "QEMU files:"}

// line returns the verdict for people.
func (v Verdict) line() string {
	says := v.Says
	if v.Clean && v.But == "" && !v.unread {
		says = "ok, " + says
	}
	if v.But != "" {
		says += ", but " + v.But
	}
	return says
}
