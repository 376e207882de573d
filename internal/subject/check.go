package subject

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/termtext"
)

// maxCommonName is the longest CN or O that X.520 allows (RFC 5280, appendix
// A.1, ub-common-name and ub-organization-name), in characters.
const maxCommonName = 64

// CheckHost returns an error if name cannot be the name of a server.
func CheckHost(name string) error {
	if _, err := netip.ParseAddr(name); err == nil {
		return hint.With(fmt.Errorf("server name %q is an address", name), "give the host's name, and the address with --san %s", name)
	}
	if strings.HasPrefix(name, "*.") {
		return hint.With(fmt.Errorf("server name %q is a wildcard", name), "give the host's own name, and the wildcard with --san '%s'", name)
	}
	return CheckDNS("server name", name)
}

// CheckDNS returns an error if name cannot be a DNS name in a certificate. The first argument is
// the word for the name in the error.
func CheckDNS(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%s is empty", what)
	case strings.IndexFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) >= 0:
		return hint.With(fmt.Errorf("%s %s is not ASCII", what, termtext.QuoteShort(name)), "write an international name in its ASCII form, which begins with xn--")
	case len(name) > 253:
		return fmt.Errorf("%s %s has %d characters (at most 253)", what, termtext.QuoteShort(name), len(name))
	case !grant.IsHostName(name):
		return fmt.Errorf("%s %s is not a DNS name", what, termtext.QuoteShort(name))
	case strings.Trim(name[strings.LastIndexByte(name, '.')+1:], "0123456789") == "":
		return hint.With(fmt.Errorf("%s %s is neither an address nor a DNS name, which does not end in a number", what, termtext.QuoteShort(name)),
			"an IPv4 address has four parts from 0 to 255")
	}
	return nil
}

// CheckClient returns an error if name cannot be the name of a client: it becomes a CN, and the
// name of a directory.
func CheckClient(name string) error {
	if err := CheckText("client name", name); err != nil {
		return err
	}
	switch {
	case strings.ContainsAny(name, `/\`):
		return fmt.Errorf("client name %q contains a slash", name)
	case strings.HasPrefix(name, "."):
		return fmt.Errorf("client name %q begins with a dot", name)
	case strings.TrimSpace(name) != name:
		return fmt.Errorf("client name %q begins or ends with a space", name)
	}
	return nil
}

// CheckText returns an error if text cannot be a CN or an O. The first argument is the word for the
// text in the error.
func CheckText(what, text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return fmt.Errorf("%s %q is empty", what, text)
	case !utf8.ValidString(text):
		return fmt.Errorf("%s %s is not valid UTF-8", what, termtext.QuoteShort(text))
	case utf8.RuneCountInString(text) > maxCommonName:
		return fmt.Errorf("%s %s has %d characters (at most %d)", what, termtext.QuoteShort(text), utf8.RuneCountInString(text), maxCommonName)
	case strings.IndexFunc(text, termtext.Hidden) >= 0:
		return fmt.Errorf("%s %s contains a character that cannot be printed", what, termtext.QuoteShort(text))
	}
	return nil
}

// Short returns the first label of a host name.
func Short(host string) string {
	short, _, _ := strings.Cut(host, ".")
	return short
}

// IsOneOf reports whether host is one of names, or the short form of one.
func IsOneOf(host string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return strings.EqualFold(host, name) || strings.EqualFold(host, Short(name))
	})
}
