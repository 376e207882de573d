package pki

import "strings"

// IsDNSName reports whether a name has the form of RFC 1034 section 3.5: labels of 1 to 63 letters,
// digits and, inside of them, hyphens; 253 octets at most in all. The octets in also are allowed
// anywhere in a label, because some networks name hosts with an underscore.
func IsDNSName(name, also string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if !isLabel(label, also) {
			return false
		}
	}
	return true
}

func isLabel(label, also string) bool {
	for i := range len(label) {
		c := label[i]
		inside := c == '-' && i > 0 && i < len(label)-1
		if !inside && !isAlphanumeric(c) && strings.IndexByte(also, c) < 0 {
			return false
		}
	}
	return 0 < len(label) && len(label) <= 63
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
