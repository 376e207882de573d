package allowlist

import (
	"fmt"
	"slices"

	"virtpki/dn"
)

// Verdict is the verdict of one matcher on one DN; its JSON form is stable.
type Verdict struct {
	Matcher string `json:"matcher"`
	Allowed bool   `json:"allowed"`
	Pattern string `json:"pattern,omitempty"` // the one that admits it
}

// VerdictOf returns the verdict of a compiled list on a DN.
func VerdictOf(list *dn.List, name string) Verdict {
	v := Verdict{Matcher: list.Matcher().String()}
	var index int
	if index, v.Allowed = list.Match(name); v.Allowed {
		v.Pattern = list.Pattern(index)
	}
	return v
}

// Name is the DN of one certificate of a file, or a typed DN; its JSON form is stable.
type Name struct {
	File    string `json:"file"`
	Index   int    `json:"index"` // in the file, from 1
	DN      string `json:"dn"`    // invalid bytes replaced; see DNHex
	DNHex   string `json:"dn_hex,omitempty"`
	Refused string `json:"refused,omitempty"` // why GnuTLS gives no DN

	Raw string `json:"-"` // as libvirt compares it
}

// Gate is a list compiled for each matcher in use.
type Gate struct {
	List
	Compiled []*dn.List // the deciding one first
}

// Compile compiles a list for some matchers, the deciding one first.
func Compile(list *List, matchers ...dn.Matcher) *Gate {
	gate := &Gate{List: *list}
	for _, m := range matchers {
		gate.Compiled = append(gate.Compiled, dn.Compile(list.Patterns, m))
	}
	return gate
}

// Matchers returns the matchers of a name, the deciding one first; without a name it returns
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

// Match is the result for one client; its JSON form is stable.
type Match struct {
	Name
	Allowed  bool      `json:"allowed"`
	Reason   string    `json:"reason,omitempty"` // if no pattern decided
	Verdicts []Verdict `json:"verdicts"`
	Misses   []Miss    `json:"misses,omitempty"`
	Problems []Row     `json:"problems,omitempty"` // of a DN that was typed
}

// Matches holds the results for several clients.
type Matches []Match

// AskAll returns the results for some clients.
func (gate *Gate) AskAll(clients []Name) Matches {
	all := Matches{}
	for _, client := range clients {
		all = append(all, gate.Ask(client))
	}
	return all
}

// AllIn reports whether all clients are admitted.
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

// Ask returns the result for one client, by every matcher.
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
		return row // a near miss of a DN that libvirt never sees does not help
	}
	for _, miss := range dn.Explain(client.Raw, gate.Patterns, gate.Compiled[0].Matcher()) {
		row.Misses = append(row.Misses, Miss{miss.Pattern, miss.Reason, miss.Fix})
	}
	return row
}

// problemsOf says why libvirt would never see a typed DN.
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
