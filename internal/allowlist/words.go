package allowlist

import (
	"strings"

	"virtpki/internal/termtext"
)

// Text returns the result in words: which pattern admits the client, or which patterns nearly
// do.
func (m Match) Text() termtext.Text {
	var b strings.Builder
	line := func(format string, args ...any) { termtext.Fprintf(&b, format+"\n", args...) }
	line("%s %s%s", m.word(), termtext.Quote(m.Raw), m.by())
	if m.Reason != "" {
		line("  %s", m.Reason)
	}
	if m.Differs() {
		line("  differs: libvirt before 5.9 (fnmatch) %s", m.Verdicts[1].text())
	}
	for _, miss := range m.Misses {
		line("  near: %s\n    %s", termtext.Quote(miss.Pattern), miss.Reason)
		if miss.Fix != "" {
			line("    write: %s", miss.Fix)
		}
	}
	for _, problem := range m.Problems {
		line("  this DN: %s", problem.Reason)
		if problem.Fix != "" {
			line("    libvirt sees: %s", problem.Fix)
		}
	}
	return termtext.Text(b.String())
}

func (m Match) word() string {
	if m.Allowed {
		return "allowed"
	}
	return "refused"
}

// by names the pattern that admits a client.
func (m Match) by() string {
	if m.Allowed && len(m.Verdicts) > 0 {
		return " by " + termtext.Quote(m.Verdicts[0].Pattern)
	}
	return ""
}

func (v Verdict) text() string {
	if v.Allowed {
		return "admits it by " + termtext.Quote(v.Pattern)
	}
	return "refuses it"
}

// Text returns the results in words.
func (all Matches) Text() (text termtext.Text) {
	for _, m := range all {
		text += m.Text()
	}
	return text
}

// Text returns the findings in words.
func (found Findings) Text() (text termtext.Text) {
	if len(found) == 0 {
		return "nothing to say\n"
	}
	for _, r := range found {
		text += r.text()
	}
	return text
}

func (r Row) text() termtext.Text {
	where := ""
	if r.Where != "" {
		where = r.Where + ": "
	}
	if r.Pattern != "" {
		where += termtext.Quote(r.Pattern) + ": "
	}
	text := termtext.Sprintf("%s: %s%s [%s]\n", r.Severity, where, r.Reason, r.ID)
	if r.Fix != "" {
		text += termtext.Sprintf("  write: %s\n", r.Fix)
	}
	return termtext.Text(text)
}
