package pkcs11

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// maxURI is how long a URI may be, in bytes.
const maxURI = 4096

// ErrPINValue is the error for a URI that holds the PIN itself, which would be visible wherever
// the URI is.
var ErrPINValue = errors.New("the URI contains a PIN (pin-value)")

// URI is the URI of a key or a token (RFC 7512). An empty field is not given.
type URI struct {
	Token, Manufacturer, Model, Serial string
	Object                             string // CKA_LABEL of the key
	ID                                 []byte // CKA_ID of the key
	Slot                               *uint64

	ModulePath string // the module's shared library
	PINSource  string // file:PATH or PATH, as it stands in the URI
	Command    string // runs p11-kit remote; a query attribute of virtpki's own

	text string
}

// commandAttribute is the query attribute that holds [URI.Command]. By RFC 7512 section 2.4
// others ignore a query attribute that they do not know.
const commandAttribute = "x-virtpki-command"

// ParseURI reads a URI. Its errors never contain the URI, since that may hold a PIN.
func ParseURI(text string) (*URI, error) {
	rest, found := strings.CutPrefix(text, "pkcs11:")
	if !found {
		return nil, errors.New(`the URI does not begin with "pkcs11:"`)
	}
	if len(text) > maxURI {
		return nil, fmt.Errorf("the URI is longer than %d bytes", maxURI)
	}
	if strings.Contains(text, "pin-value") {
		return nil, ErrPINValue
	}
	if strings.ContainsFunc(text, notInURI) {
		return nil, errors.New("the URI has a character that must be percent-encoded (%20 for a blank)")
	}
	u := &URI{text: text}
	path, query, _ := strings.Cut(rest, "?")
	if err := eachAttribute(path, ";", u.setPath); err != nil {
		return nil, err
	}
	return u, eachAttribute(query, "&", u.setQuery)
}

// notInURI reports whether a character is not one of RFC 3986's.
func notInURI(r rune) bool {
	alnum := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !alnum && !strings.ContainsRune("-._~:/?#[]@!$&'()*+,;=%", r)
}

// eachAttribute calls set with each NAME=VALUE, decoded.
func eachAttribute(text, separator string, set func(name, value string) error) error {
	seen := make(map[string]bool)
	for _, part := range strings.Split(text, separator) {
		if part == "" {
			continue
		}
		name, encoded, found := strings.Cut(part, "=")
		value, err := url.PathUnescape(encoded)
		switch {
		case !found || err != nil:
			return fmt.Errorf("the URI's attribute %q is not NAME=VALUE, percent-encoded", name)
		case seen[name]:
			return fmt.Errorf("the URI has the attribute %q twice", name)
		}
		seen[name] = true
		if err := set(name, value); err != nil {
			return err
		}
	}
	return nil
}

// setPath sets an attribute of the path. An unknown one is an error: with it the URI means
// fewer keys than without it (RFC 7512 section 2.3).
func (u *URI) setPath(name, value string) error {
	fields := map[string]*string{"token": &u.Token, "manufacturer": &u.Manufacturer, "model": &u.Model, "serial": &u.Serial, "object": &u.Object}
	switch field := fields[name]; {
	case field != nil:
		*field = value
	case name == "id":
		u.ID = []byte(value)
	case name == "slot-id":
		slot, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return errors.New("the URI's slot-id is not a number")
		}
		u.Slot = &slot
	case name == "type" && value == "private":
	case name == "type":
		return fmt.Errorf("the URI means a %q, not a private key", value)
	default:
		return fmt.Errorf("the URI's attribute %q is not known", name)
	}
	return nil
}

func (u *URI) setQuery(name, value string) error {
	switch name {
	case "module-path":
		u.ModulePath = value
	case "pin-source":
		u.PINSource = value
	case commandAttribute:
		u.Command = value
	case "module-name":
		return errors.New("the URI's attribute \"module-name\" is not supported: name the file with module-path")
	}
	return nil
}

// String returns the URI as it was given.
func (u *URI) String() string { return u.text }

// ofPrivate is the attribute that leaves out the public key, which has the same name.
const ofPrivate = "type=private"

// Place returns the path of the URI: it names the key, but not how to reach it.
func (u *URI) Place() string {
	place, _, _ := strings.Cut(u.text, "?")
	return strings.Replace(place, ";"+ofPrivate, "", 1)
}

// Private returns the URI with the type of the key in it. Without the type, openssl ca and x509
// find the key of a URI but do not accept it.
func (u *URI) Private() (*URI, error) {
	place, query, found := strings.Cut(u.text, "?")
	if strings.Contains(place, ofPrivate) {
		return u, nil
	}
	if found {
		query = "?" + query
	}
	return ParseURI(place + ";" + ofPrivate + query)
}

// WithCommand returns the URI with a command that reaches the token.
func (u *URI) WithCommand(command string) (*URI, error) {
	place, query, _ := strings.Cut(u.text, "?")
	var kept []string
	for _, part := range strings.Split(query, "&") {
		if part != "" && !strings.HasPrefix(part, commandAttribute+"=") {
			kept = append(kept, part)
		}
	}
	kept = append(kept, commandAttribute+"="+escape(command))
	return ParseURI(place + "?" + strings.Join(kept, "&"))
}

// escape percent-encodes a value for a query attribute.
func escape(value string) string {
	return strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(value))
}

// tokenURI returns the part of the URI that names the token, for p11-kit.
func (u *URI) tokenURI() string {
	place := strings.TrimPrefix(u.Place(), "pkcs11:")
	var kept []string
	for _, part := range strings.Split(place, ";") {
		name, _, _ := strings.Cut(part, "=")
		if part != "" && name != "object" && name != "id" && name != "type" {
			kept = append(kept, part)
		}
	}
	return "pkcs11:" + strings.Join(kept, ";")
}

// NamesKey reports whether the URI means one key and not all of a token.
func (u *URI) NamesKey() bool { return u.Object != "" || len(u.ID) > 0 }
