package survey

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"virtpki/internal/fleet"
	"virtpki/internal/hint"
	"virtpki/internal/termtext"
)

// Target is a host to look at.
type Target struct {
	Name string // compared with its certificate
	Dial string // address to connect to; empty for that of its name
}

// maxTargets limits how many names the ranges of an inventory may expand to.
const maxTargets = 1 << 20

// maxPattern is how long a name with its ranges may be, in bytes. It keeps a million of them in
// memory.
const maxPattern = 512

// ParseTargets reads a list of hosts: the list of issue --hosts, or an inventory of Ansible's
// in INI or YAML form. from is its name in errors. Each host is listed once, at its first
// place.
func ParseTargets(from string, text []byte) ([]Target, error) {
	if looksLikeYAML(string(text)) {
		return once(from, yamlTargets(text))
	}
	list, err := fleet.ParseHosts(from, text)
	if err != nil {
		return nil, err
	}
	return once(from, iniTargets(list))
}

// found is the result of a parser, or its error.
type found struct {
	targets []Target
	err     error
}

// once removes repetitions: in an inventory a host may be in many groups. The address of the
// first mention counts.
func once(from string, f found) ([]Target, error) {
	if f.err != nil {
		return nil, fmt.Errorf("%s: %w", from, f.err)
	}
	at := make(map[string]int, len(f.targets))
	var targets []Target
	for _, t := range f.targets {
		key := strings.ToLower(t.Name)
		i, twice := at[key]
		switch {
		case !twice:
			at[key] = len(targets)
			targets = append(targets, t)
		case targets[i].Dial == "":
			targets[i].Dial = t.Dial
		}
	}
	if len(targets) == 0 {
		return nil, hint.With(fmt.Errorf("%s names no host", from), "write one a line, as for virtpki issue --hosts, or give an inventory of Ansible's")
	}
	return targets, nil
}

// iniTargets reads the lines of a list. In an inventory, [GROUP:vars] and [GROUP:children]
// hold no hosts.
func iniTargets(list *fleet.Hosts) found {
	var targets []Target
	hosts := true
	for line := range list.Lines() {
		name, rest := line.Fields()
		if strings.HasPrefix(name, ";") {
			continue
		}
		if section.MatchString(name) && !isRange(name) {
			hosts = !strings.HasSuffix(name, ":vars]") && !strings.HasSuffix(name, ":children]")
			continue
		}
		if !hosts {
			continue
		}
		names, err := expand(name)
		if err == nil && len(targets)+len(names) > maxTargets {
			err = fmt.Errorf("more than %d hosts", maxTargets)
		}
		if err != nil {
			return found{err: fmt.Errorf("line %d: %w", line.Number(), err)}
		}
		for _, name := range withoutController(names, slices.Contains(rest, "ansible_connection=local")) {
			targets = append(targets, Target{Name: name, Dial: dialOf(rest)})
		}
	}
	return found{targets: targets}
}

// withoutController leaves out localhost if Ansible reaches it without a connection: it is the
// machine that Ansible runs on, as in the inventory of generate ansible, and has no such name.
func withoutController(names []string, local bool) []string {
	if local && len(names) == 1 && names[0] == "localhost" {
		return nil
	}
	return names
}

// dialOf returns the address among a host's variables.
func dialOf(fields []string) string {
	for _, key := range []string{"ansible_host=", "ansible_ssh_host="} {
		for _, field := range fields {
			if value, ok := strings.CutPrefix(field, key); ok {
				return strings.Trim(value, `"'`)
			}
		}
	}
	return ""
}

// section matches the head of a group. A name in brackets with two colons is an IPv6 address.
var section = regexp.MustCompile(`^\[[^:\]]+(:[a-z]+)?\]$`)

// hostRange matches a range in a host's name: [01:20], [1:9:2], [a:f] (Ansible's guide, "Adding
// ranges of hosts").
var hostRange = regexp.MustCompile(`\[([0-9]+|[a-zA-Z]):([0-9]+|[a-zA-Z])(?::([0-9]+))?\]`)

func isRange(name string) bool { return hostRange.MatchString(name) }

// expand returns the names that a name with ranges stands for.
func expand(name string) ([]string, error) {
	if len(name) > maxPattern {
		return nil, fmt.Errorf("%s is longer than %d bytes", termtext.QuoteShort(name), maxPattern)
	}
	at := hostRange.FindStringSubmatchIndex(name)
	if at == nil {
		if strings.ContainsAny(name, "[]") && !strings.HasPrefix(name, "[") {
			return nil, fmt.Errorf("%s has no range that Ansible knows", termtext.QuoteShort(name))
		}
		bare := strings.Trim(name, "[]")
		if bare == "" {
			return nil, fmt.Errorf("%s names no host", termtext.QuoteShort(name))
		}
		return []string{bare}, nil
	}
	m := hostRange.FindStringSubmatch(name)
	values, err := rangeOf(m[1], m[2], m[3])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", termtext.QuoteShort(name), err)
	}
	rests := []string{""}
	if at[1] < len(name) {
		if rests, err = expand(name[at[1]:]); err != nil {
			return nil, err
		}
	}
	if len(values)*len(rests) > maxTargets {
		return nil, fmt.Errorf("%s stands for more than %d hosts", termtext.QuoteShort(name), maxTargets)
	}
	var names []string
	for _, value := range values {
		for _, rest := range rests {
			names = append(names, name[:at[0]]+value+rest)
		}
	}
	return names, nil
}

// rangeOf lists the values of a range; numbers keep the width of the first.
func rangeOf(first, last, step string) ([]string, error) {
	by := 1
	if step != "" {
		by, _ = strconv.Atoi(step)
	}
	from, err1 := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	letters := err1 != nil && err2 != nil && len(first) == 1 && len(last) == 1
	if letters {
		from, to = int(first[0]), int(last[0])
	} else if err1 != nil || err2 != nil {
		return nil, fmt.Errorf("the range from %s to %s is neither of numbers nor of letters", first, last)
	}
	if by < 1 || to < from || (to-from)/by >= maxTargets {
		return nil, fmt.Errorf("the range from %s to %s is empty or too long", first, last)
	}
	var values []string
	for i := from; i <= to; i += by {
		if letters {
			values = append(values, string(rune(i)))
		} else {
			values = append(values, fmt.Sprintf("%0*d", len(first), i))
		}
	}
	return values, nil
}
