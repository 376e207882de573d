package dn

import "strings"

// values looks for values that GnuTLS never or hardly ever prints: an empty value of a
// DirectoryString type, and a value without the required text or complete hexadecimal digits.
func (l *linter) values(pieces []piece) {
	if strings.ContainsRune(l.pattern, '[') {
		return // which fnmatch may read as anything
	}
	for _, p := range pieces {
		id, reason := valueNeverPrinted(p)
		switch {
		case id == "":
		case id == "empty-value": // one of an unusual string type, such as BMPString, is printed
			l.say(id, Warning, reason, "")
		case p.unsure:
			l.say(id, Warning, reason+"; the pattern matches such text only within a value", "")
		default:
			l.say(id, Error, reason+"; the pattern matches no name", "")
		}
	}
}

// valueNeverPrinted says why no name has an attribute with this value. It returns empty texts if a
// name may have it. The text after a wildcard may belong to another attribute.
func valueNeverPrinted(p piece) (id, reason string) {
	t := typeByName(p.typ)
	end := strings.IndexAny(p.value+"*", "*?")
	before, wild := p.value[:end], end < len(p.value)
	hex, isHex := strings.CutPrefix(before, "#")
	switch {
	case strings.ContainsAny(p.typ, "*?"):
	case t != nil && t.kind == kindDirectory && p.value == "":
		return "empty-value", "GnuTLS refuses a certificate with an empty " + p.typ + ", so the pattern matches almost no name"
	case t == nil && isDotted(p.typ) && !isHex && (before != "" || !wild):
		return "hex-form", "GnuTLS prints the value of a type that it does not know as \"#\" and hexadecimal digits"
	case isHex && (strings.Trim(hex, "0123456789abcdef") != "" || !wild && (len(hex)%2 != 0 || hex == "")):
		return "hex-form", "a value that begins with \"#\" is printed as pairs of hexadecimal digits; a \"#\" of the text itself is written with a backslash"
	}
	return "", ""
}
