package wizard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"virtpki/dn"
	"virtpki/internal/allowlist"
	"virtpki/internal/libvirt"
	"virtpki/internal/prompt"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
)

// accessTopic asks who may connect.
type accessTopic struct{ *wizard }

func (w accessTopic) questions() []question {
	return []question{
		{id: "access", title: "Who may connect", uses: []string{"ca", "issued", "name", "hostname", "clients", "daemon"}, ask: w.askAccess, shown: func() string { return accessWords[w.access] }},
		{id: "admitted", title: "Clients signed before", uses: []string{"access"}, applies: func() bool { return w.access == accessNamed && len(w.existing) > 0 }, ask: w.askAdmitted, shown: func() string {
			return orNone(strings.Join(w.admittedNames(), "; "))
		}},
		{id: "patterns", title: "Patterns", uses: []string{"access"}, applies: func() bool { return w.access == accessPatterns }, ask: w.askPatterns, shown: func() string { return strings.Join(w.patterns, "; ") }},
		{id: "take", uses: []string{"access", "patterns", "ca", "issued", "name", "hostname", "clients"}, applies: func() bool { return w.access == accessPatterns }, ask: w.askTake},
	}
}

var accessWords = [...]string{
	accessNamed:    "by name: the clients with a certificate now",
	accessAnyone:   "any client with a certificate of this CA, now or later",
	accessPatterns: "your own patterns",
	accessKeep:     "the list in the configuration file, as it is",
}

// candidate is a client that is known now, so that the wizard can tell whether a list admits
// it.
type candidate struct {
	dn, what string
	exists   bool // the CA has signed it before
}

// madeNow says of a client that the wizard is about to make it.
const madeNow = "made now"

// candidates are this host as a client, the clients to be made, and those that
// the CA has signed and that still count.
func (w *Answers) candidates() []candidate {
	var all []candidate
	if name := w.hostClientDN(); name != "" {
		all = append(all, candidate{dn: name, what: "this host"})
	}
	add := func(c candidate) {
		if !slices.ContainsFunc(all, func(have candidate) bool { return have.dn == c.dn }) {
			all = append(all, c)
		}
	}
	for _, name := range w.Clients {
		if w.CanSign() {
			add(candidate{dn: w.leafDN(name), what: madeNow})
		}
	}
	for _, name := range w.live() {
		add(candidate{name, "signed before", true})
	}
	return all
}

// hostClientDN returns the DN of this host as a client; empty where it is not a client and
// cannot become one.
func (w *Answers) hostClientDN() string {
	switch {
	case w.client.Cert != nil:
		return subject.Of(w.client.Cert)
	case !w.CanSign():
		return ""
	}
	return w.leafDN(w.Hostname)
}

func (w *Answers) leafDN(name string) string {
	raw, err := subject.ForLeaf(w.organization(), name)
	if err != nil {
		return name // the plan will say so
	}
	return subject.Text(raw)
}

// live returns the DNs of the clients that the CA has signed. It skips unreadable records: the
// plan reports them.
func (w *Answers) live() []string {
	var names []string
	switch now := w.Now(); {
	case w.Imports() && w.Imported != nil:
		names, _ = w.Imported.LiveClients(now)
	case w.ca != nil:
		names, _ = w.ca.LiveClients(now)
	}
	return slices.Compact(names)
}

// confList returns the list in the daemon's configuration file; ok is whether it has one.
func (w *Answers) confList() (list []string, ok bool) {
	path := w.confPath(w.Daemon)
	if !w.Tree().Exists(path) {
		return nil, false
	}
	conf, err := allowlist.ReadConf(w.Tree(), path)
	if err != nil {
		return nil, false
	}
	v, ok := conf.Lookup(libvirt.AllowedDNs)
	return v.List(), ok
}

func (w accessTopic) askAccess(ctx context.Context) error {
	all := w.candidates()
	list, hasList := w.confList()
	w.Say("%s compares the DN of a client's certificate with a list, tls_allowed_dn_list. These clients are known:\n%s", w.Daemon, termtext.Text(candidateLines(all)))
	answers := []int{accessNamed, accessAnyone, accessPatterns}
	if hasList {
		answers = []int{accessKeep, accessNamed, accessPatterns}
	}
	if len(all) == 0 { // an empty list would not be a list
		answers = slices.DeleteFunc(answers, func(answer int) bool { return answer == accessNamed })
	}
	var options []string
	preset := 0
	for i, answer := range answers {
		options = append(options, accessWords[answer])
		if w.accessKnown && answer == w.access || !w.accessKnown && hasList && answer == accessNamed && lacksNew(list, all) {
			preset = i
		}
	}
	w.Say("%s", termtext.Text(w.whoGetsIn(answers, all, list)))
	choice, err := w.Select(ctx, "Who may connect?", options, preset)
	if err != nil {
		return err
	}
	w.access, w.accessKnown = answers[choice], true
	w.learnExisting(all)
	return nil
}

// lacksNew reports whether a list lacks only clients that are made now, and names nobody but
// known clients. To admit all by name then only adds to it.
func lacksNew(list []string, all []candidate) bool {
	known, lacks := 0, false
	for _, c := range all {
		switch {
		case slices.Contains(list, c.dn):
			known++
		case c.what != madeNow:
			return false
		default:
			lacks = true
		}
	}
	return lacks && known == len(list)
}

// candidateLines returns the candidates for the screen, not too many of them.
func candidateLines(all []candidate) string {
	const most = 12
	var b strings.Builder
	if len(all) == 0 {
		b.WriteString("  nobody\n")
	}
	for i, c := range all {
		if i == most {
			fmt.Fprintf(&b, "  and %d more, signed before\n", len(all)-most)
			break
		}
		termtext.Fprintf(&b, "  %s (%s)\n", termtext.Quote(c.dn), c.what)
	}
	return b.String()
}

// whoGetsIn says for each answer which clients it admits, and which not.
func (w accessTopic) whoGetsIn(answers []int, all []candidate, list []string) string {
	var b strings.Builder
	for _, answer := range answers {
		switch answer {
		case accessNamed:
			fmt.Fprintf(&b, "  By name: %s admitted. Everybody else is refused, even with a certificate that this CA signs later.\n", everybody(len(all)))
		case accessAnyone:
			fmt.Fprintf(&b, "  Any client: %s admitted, and so is everybody with a later certificate of this CA. A certificate of another CA is always refused.\n", everybody(len(all)))
		case accessPatterns:
			b.WriteString("  Patterns: such as O=Example Org,CN=ops-*. You see which clients they admit before they are used.\n")
		case accessKeep:
			in, out := reach(list, all)
			termtext.Fprintf(&b, "  As it is: admits %s; refuses %s.\n", orNobody(in), orNobody(out))
		}
	}
	return b.String()
}

// everybody is the subject of who gets in.
func everybody(n int) string {
	switch n {
	case 0:
		return "nobody is"
	case 1:
		return "this one is"
	}
	return fmt.Sprintf("these %d are", n)
}

func orNobody(names []string) string {
	if len(names) == 0 {
		return "none of these"
	}
	return strings.Join(names, "; ")
}

// reach splits clients into those that a list admits and the others.
func reach(patterns []string, all []candidate) (in, out []string) {
	list := dn.Compile(patterns, dn.Glob)
	for _, c := range all {
		if _, ok := list.Match(c.dn); ok {
			in = append(in, c.dn)
		} else {
			out = append(out, c.dn)
		}
	}
	return in, out
}

// learnExisting records the clients that the CA has signed before; a client that was left out
// before stays left out.
func (w accessTopic) learnExisting(all []candidate) {
	leftOut := make(map[string]bool)
	for i, name := range w.existing {
		leftOut[name] = !w.admitted[i]
	}
	w.existing, w.admitted = nil, nil
	for _, c := range all {
		if c.exists {
			w.existing = append(w.existing, c.dn)
			w.admitted = append(w.admitted, !leftOut[c.dn])
		}
	}
}

func (w accessTopic) askAdmitted(ctx context.Context) error {
	w.Say("The CA has signed for these clients before, and their certificates are still valid. Clients that you leave out are refused.")
	options := make([]string, len(w.existing))
	for i, name := range w.existing {
		options[i] = termtext.Quote(name)
	}
	admitted, err := w.MultiSelect(ctx, "Which of them may connect?", options, w.admitted)
	if err == nil {
		w.admitted = admitted
	}
	return err
}

func (w *Answers) admittedNames() []string {
	var names []string
	for i, name := range w.existing {
		if w.admitted[i] {
			names = append(names, name)
		}
	}
	return names
}

// askPatterns asks for one pattern after the other, until an empty one. Back removes the last
// one and offers it. Asked again, it continues at the end of the list. If the list is to be
// changed, it offers each pattern once more.
func (w accessTopic) askPatterns(ctx context.Context) error {
	w.Say("* stands for any text, ? for one character. Everything else must match exactly, including upper and lower case. An exact DN is the safest pattern.")
	offered, patterns := w.patterns, slices.Clone(w.patterns)
	if w.rewrite {
		w.rewrite, patterns = false, nil
	}
	for {
		preset := ""
		if len(patterns) < len(offered) {
			preset = offered[len(patterns)]
		}
		pattern, err := w.Line(ctx, prompt.Question{Message: fmt.Sprintf("Pattern %d (empty: no more)", len(patterns)+1), Preset: preset, Optional: true, Check: func(pattern string) error {
			return w.checkPattern(patterns, pattern)
		}})
		switch {
		case errors.Is(err, prompt.ErrBack) && len(patterns) > 0:
			offered, patterns = patterns, patterns[:len(patterns)-1]
		case err != nil:
			return err
		case pattern == "":
			w.patterns = patterns
			return nil
		default:
			patterns = append(slices.Clone(patterns), pattern)
		}
	}
}

// checkPattern checks one more pattern, or the end of the list, as --allow-dn does.
func (w accessTopic) checkPattern(patterns []string, pattern string) error {
	if pattern != "" {
		return allowlist.Check([]string{pattern}, false)
	}
	return allowlist.LockedOut(append([]string{}, patterns...), w.hostClientDN())
}

// askTake shows which clients the patterns admit, and why not, and asks whether that is right.
func (w accessTopic) askTake(ctx context.Context) error {
	gate := allowlist.Compile(&allowlist.List{Patterns: w.patterns}, dn.Glob, dn.Fnmatch)
	var matches []allowlist.Match
	for _, c := range w.candidates() {
		matches = append(matches, gate.Ask(allowlist.Name{DN: c.dn, Raw: c.dn, File: c.what}))
	}
	w.doer.ShowMatches(matches)
	for _, note := range allowlist.Advice(w.patterns) {
		w.Note(note)
	}
	taken, err := w.Confirm(ctx, "Use this list?", true)
	if err == nil && !taken {
		w.rewrite = true
		return prompt.ErrBack
	}
	return err
}
