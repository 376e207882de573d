package certinfo

import "virtpki/internal/termtext"

// List is several certificates.
type List []Info

// Text returns a table of them.
func (l List) Text() termtext.Text {
	rows := [][]string{{"ROLE", "DN", "NAMES", "SERIAL", "UNTIL", "FILE"}}
	for _, i := range l {
		rows = append(rows, []string{i.RoleText(), i.DN, i.Names(), i.Serial, i.Until(), i.Path})
	}
	return termtext.Table(rows)
}

// Full is several certificates, about each of which everything is told.
type Full []Info

// Text returns [Info.Text] of each, parted by an empty line.
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

// Text returns everything about a certificate, one thing a line.
func (i Info) Text() termtext.Text { return termtext.Table(i.Fields()) }
