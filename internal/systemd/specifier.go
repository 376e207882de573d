package systemd

import "strings"

// expandSpecifiers replaces the specifiers of a unit that are the same on every machine
// (systemd.unit(5), SPECIFIERS). ok is false if there is another one: its value is not known
// here.
func expandSpecifiers(s, unit string) (text string, ok bool) {
	if !strings.Contains(s, "%") {
		return s, true
	}
	bare := unit
	if dot := strings.LastIndexByte(unit, '.'); dot >= 0 {
		bare = unit[:dot]
	}
	known := map[byte]string{'%': "%", 'n': unit, 'N': bare, 'p': bare, 'i': "", 'I': "", 't': "/run", 'S': "/var/lib", 'C': "/var/cache",
		'L': "/var/log", 'E': "/etc", 'h': "/root", 'u': "root", 'U': "0", 'g': "root", 'G': "0", 's': "/bin/sh", 'T': "/tmp", 'V': "/var/tmp"}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		value, found := known[s[i]]
		if !found {
			return s, false
		}
		b.WriteString(value)
	}
	return b.String(), true
}
