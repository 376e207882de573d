package allowlist

import (
	"fmt"
	"slices"

	"virtpki/dn"
)

// Verdict is what one matcher says of one DN; its JSON form is stable.
type Verdict struct {
	Matcher string `json:"matcher"`
	Allowed bool   `json:"allowed"`
	Pattern string `json:"pattern,omitempty"` // the one that let it in
}

// VerdictOf asks a compiled list about a DN.
func VerdictOf(list *dn.List, name string) Verdict {
	v := Verdict{Matcher: list.Matcher().String()}
	var index int
	if index, v.Allowed = list.Match(name); v.Allowed {
		v.Pattern = list.Pattern(index)
	}
	return v
}

// Name is the DN of one certificate of a file, or one that was typed; its JSON form is
// stable.
type Name struct {
	File    string `json:"file"`
	Index   int    `json:"index"` // in the file, from 1
	DN      string `json:"dn"`    // invalid bytes replaced; see DNHex
	DNHex   string `json:"dn_hex,omitempty"`
	Refused string `json:"refused,omitempty"` // why GnuTLS gives no DN

	Raw string `json:"-"` // as libvirt compares it
}

// Gate is a list compiled for each matcher that is to be asked.
type Gate struct {
	List
	Compiled []*dn.List // the deciding one first
}

// Compile returns a list as matchers ask it, the deciding one first.
func Compile(list *List, matchers ...dn.Matcher) *Gate {
	gate := &Gate{List: *list}
	for _, m := range matchers {
		gate.Compiled = append(gate.Compiled, dn.Compile(list.Patterns, m))
	}
	return gate
}

// Matchers returns the matchers of a name, the deciding one first; without one they are
// all.
func Matchers(name string) ([]dn.Matcher, error) {
	all := []dn.Matcher{dn.Glob, dn.Fnmatch}
	if name == "" {
		return all, nil
	}
	for _, m := range all {
		if m.String() == name {
			return []dn.Matcher{m}, nil
		}
	}
	return nil, fmt.Errorf("unknown matcher %q (glob or fnmatch)", name)
}

// Match is the answer about one client; its JSON form is stable.
type Match struct {
	Name
	Allowed  bool      `json:"allowed"`
	Reason   string    `json:"reason,omitempty"` // where no pattern decided
	Verdicts []Verdict `json:"verdicts"`
	Misses   []Miss    `json:"misses,omitempty"`
	Problems []Row     `json:"problems,omitempty"` // of a DN that was typed
}

// Matches are the answers about several clients.
type Matches []Match

// AskAll asks about each of some clients.
func (gate *Gate) AskAll(clients []Name) Matches {
	all := Matches{}
	for _, client := range clients {
		all = append(all, gate.Ask(client))
	}
	return all
}

// AllIn reports whether everybody is let in.
func (all Matches) AllIn() bool {
	return !slices.ContainsFunc(all, func(m Match) bool { return !m.Allowed })
}

// Differs reports whether the matchers do not agree.
func (m Match) Differs() bool {
	return len(m.Verdicts) > 1 && m.Verdicts[0].Allowed != m.Verdicts[1].Allowed
}

// Miss is a pattern that came close.
type Miss struct {
	Pattern string `json:"pattern"`
	Reason  string `json:"reason"`
	Fix     string `json:"fix,omitempty"`
}

// Ask asks every list about one client.
func (gate *Gate) Ask(client Name) Match {
	row := Match{Name: client, Verdicts: []Verdict{}}
	switch {
	case gate.Open != "":
		row.Allowed, row.Reason = true, gate.Open
		return row
	case client.Refused != "":
		row.Reason = "libvirt refuses the certificate: " + client.Refused
		return row
	}
	for _, list := range gate.Compiled {
		row.Verdicts = append(row.Verdicts, VerdictOf(list, client.Raw))
	}
	row.Allowed = row.Verdicts[0].Allowed
	if row.Allowed {
		return row
	}
	if client.File == "" {
		row.Problems = problemsOf(client.Raw)
	}
	if row.Problems != nil {
		return row // a near miss of what libvirt never sees helps nobody
	}
	for _, miss := range dn.Explain(client.Raw, gate.Patterns, gate.Compiled[0].Matcher()) {
		row.Misses = append(row.Misses, Miss{miss.Pattern, miss.Reason, miss.Fix})
	}
	return row
}

// problemsOf says why a DN that somebody typed is none that libvirt would see.
func problemsOf(name string) []Row {
	diagnosis, err := dn.Diagnose(name)
	if err != nil || len(diagnosis.Problems) == 0 {
		return nil
	}
	rows := Rows("", diagnosis.Problems)
	for i := range rows {
		rows[i].Fix = ""
	}
	rows[len(rows)-1].Fix = diagnosis.Right // fixes them all at once
	return rows
}
