package issuer

import (
	"strings"

	"virtpki/internal/judge"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// reportWidth is how wide a report is, in columns.
const reportWidth = 79

// Text returns the trial as text: the CAs, the findings, and a table of releases.
func (t *Trial) Text() termtext.Text {
	var b strings.Builder
	termtext.Fprintf(&b, "%s has signed a server and a client certificate (serials %s); their keys were not kept\n", t.Issuer, strings.Join(t.Serials, ", "))
	for _, ca := range t.CAs {
		kind := "intermediate"
		if ca.Root {
			kind = "root"
		}
		termtext.Fprintf(&b, "%-13s %s\n%-13s sha256 %s\n", kind, ca.DN, "", ca.Fingerprint)
	}
	for _, f := range t.Findings {
		writeFinding(&b, f)
	}
	rows := [][]string{{"RELEASE", "SERVER", "CLIENT"}}
	for _, v := range t.Verdicts {
		if v.Role == pki.Server {
			rows = append(rows, []string{v.Release + " and later", v.word(), t.verdict(v.Release, pki.Client).word()})
		}
	}
	termtext.Fprintf(&b, "\n%s", termtext.Table(rows))
	return termtext.Text(b.String())
}

func (t *Trial) verdict(release string, role pki.Role) Verdict {
	for _, v := range t.Verdicts {
		if v.Release == release && v.Role == role {
			return v
		}
	}
	return Verdict{}
}

func (v Verdict) word() string {
	switch {
	case v.Release == "":
		return ""
	case v.Refused != "":
		return "refused"
	}
	return "accepted"
}

func writeFinding(b *strings.Builder, f judge.Finding) {
	text := f.File + ": " + f.Text
	if len(f.Releases) > 0 {
		text += " (" + strings.Join(f.Releases, ", ") + ")"
	}
	lines := termtext.Wrap(text+" ["+f.ID+"]", reportWidth-9)
	for n, line := range lines {
		level := string(f.Level)
		if n > 0 {
			level = ""
		}
		termtext.Fprintf(b, "%-8s %s\n", level, line)
	}
	if f.Fix != "" {
		termtext.Fprintf(b, "%-8s fix: %s\n", "", f.Fix)
	}
}
