package hostconf

import (
	"strings"

	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/termtext"
)

// Settings are entries as they are shown.
type Settings []libvirt.Setting

// Text returns the entries in the form of a configuration file.
func (settings Settings) Text() termtext.Text {
	var b strings.Builder
	for _, s := range settings {
		termtext.Fprintf(&b, "%s = %s\n", s.Name, termtext.Text(s.Value.String()))
	}
	return termtext.Text(b.String())
}

// JSON returns an object with a member for each setting.
func (settings Settings) JSON() any {
	values := make(map[string]any)
	for _, s := range settings {
		switch s.Value.Kind() {
		case conf.KindInt:
			values[s.Name] = s.Value.Int()
		case conf.KindList:
			values[s.Name] = s.Value.List()
		default:
			values[s.Name] = s.Value.Str()
		}
	}
	return values
}
