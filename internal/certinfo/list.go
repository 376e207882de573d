package certinfo

import (
	"fmt"
	"slices"
	"strings"

	"virtpki/internal/termtext"
)

// List is several certificates.
type List []Info

// Text returns a table that fits a terminal: the name, the role, the expiry, and whether the
// certificate is due; below it, who renews the installed ones.
func (l List) Text() termtext.Text {
	rows := [][]string{{"NAME", "ROLE", "EXPIRES", "LEFT", "STATE", "NAMES AND ADDRESSES"}}
	for _, i := range l {
		rows = append(rows, []string{i.Name, i.RoleText(), termtext.Day(i.Ends), fmt.Sprintf("%dd", i.DaysLeft), i.State(), i.Names()})
	}
	return trimmed(termtext.Table(rows)) + l.renewers() + l.devices()
}

// devices returns a line for each CA with a key in a device.
func (l List) devices() (text termtext.Text) {
	for _, i := range l {
		if i.KeyIn != "" {
			text += termtext.Text(termtext.Sprintf("\nthe key of the CA %s is %s\n", i.Name, i.KeyIn))
		}
	}
	return text
}

// renewers returns a line for each renewer of installed certificates, with their names and roles.
func (l List) renewers() termtext.Text {
	var order []string
	holders := make(map[string][]string)
	for _, i := range l {
		if i.Renewer == "" {
			continue
		}
		if holders[i.Renewer] == nil {
			order = append(order, i.Renewer)
		}
		if holder := i.Name + " (" + i.RoleText() + ")"; !slices.Contains(holders[i.Renewer], holder) {
			holders[i.Renewer] = append(holders[i.Renewer], holder)
		}
	}
	var text termtext.Text
	for _, renewer := range order {
		text += termtext.Text(termtext.Sprintf("renewed by %s: %s\n", renewer, termtext.Line(strings.Join(holders[renewer], ", "))))
	}
	if text != "" {
		text = "\n" + text
	}
	return text
}

// Wide returns a table with the DN as libvirt matches it, the serial and the file.
func (l List) Wide() termtext.Text {
	rows := [][]string{{"ROLE", "DN", "NAMES", "SERIAL", "UNTIL", "RENEWED BY", "FILE"}}
	for _, i := range l {
		rows = append(rows, []string{i.RoleText(), i.DN, i.Names(), i.Serial, i.Until(), i.Renewer, i.Path})
	}
	if !slices.ContainsFunc(l, func(i Info) bool { return i.Renewer != "" }) {
		for n, row := range rows {
			rows[n] = slices.Delete(row, 5, 6)
		}
	}
	return termtext.Table(rows) + l.devices()
}

// trimmed returns a text without spaces at the ends of its lines.
func trimmed(text termtext.Text) termtext.Text {
	lines := strings.Split(string(text), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return termtext.Text(strings.Join(lines, "\n"))
}

// State returns revoked, expired, due (as renew counts it) or ok.
func (i Info) State() string {
	switch {
	case i.Revoked != "":
		return "revoked"
	case i.Expired || i.DaysLeft < 0:
		return "expired"
	case i.due:
		return "due"
	}
	return "ok"
}

// Full lists several certificates with all facts about each.
type Full []Info

// Text returns [Info.Text] of each, separated by an empty line.
func (f Full) Text() termtext.Text {
	var text termtext.Text
	for i, info := range f {
		if i > 0 {
			text += "\n"
		}
		text += info.Text()
	}
	return text
}

// Text returns everything about a certificate, one fact per line.
func (i Info) Text() termtext.Text { return termtext.Table(i.Fields()) }
