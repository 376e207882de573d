package dn

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// A Name is a parsed DN text: RDNs in the order of the certificate.
type Name []RDN

// An RDN is one relative distinguished name. Its attributes are joined with "+".
type RDN []Attribute

// An Attribute is one type and its value.
type Attribute struct {
	// Type is the name as it stands in the text: a short name or a dotted OID.
	Type string
	// Value is the value without escapes. It may be any bytes.
	Value string
	// DER is the encoded value with tag and length, if the text gives it as #hex. Value is then
	// empty.
	DER []byte
}

// String prints the name as GnuTLS does: "C=GB,O=Acme\, Inc.,CN=admin".
func (n Name) String() string {
	var b []byte
	for i, rdn := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = rdn.append(b)
	}
	return string(b)
}

// String prints the RDN as it stands in the text of a name.
func (r RDN) String() string { return string(r.append(nil)) }

func (r RDN) append(b []byte) []byte {
	for i, a := range r {
		if i > 0 {
			b = append(b, '+')
		}
		b = append(append(b, a.Type...), '=')
		if a.DER != nil {
			b = appendHex(b, a.DER)
		} else {
			b = appendEscaped(b, a.Value)
		}
	}
	return b
}

// Attributes returns the number of attributes in all RDNs.
func (n Name) Attributes() int {
	count := 0
	for _, rdn := range n {
		count += len(rdn)
	}
	return count
}

// A SyntaxError says why, and at which place, a text is not a DN in libvirt's form.
type SyntaxError struct {
	Text   string
	Offset int // in bytes
	Msg    string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("DN %q, byte %d: %s", e.Text, e.Offset, e.Msg)
}

// Parse reads a DN in the form that libvirt matches (see the package comment). Parsing and printing
// give back every text that [FromCertificate] makes. The one exception is a subject with an empty
// RDN or attribute: its text may end with a separator, which is an error here. The error is a
// [*SyntaxError]; [Diagnose] reads more forms and describes their faults.
//
// Type names are kept as they stand and need not be known. A value may be
// empty. RFC 4514's pairs of hex digits after a backslash are read too; they
// print as the character they stand for.
func Parse(text string) (Name, error) {
	p := parser{text: text}
	if text == "" {
		return nil, p.fail("empty")
	}
	var name Name
	for {
		rdn, err := p.rdn()
		if err != nil {
			return nil, err
		}
		name = append(name, rdn)
		if p.done() {
			return name, nil
		}
		p.pos++ // the comma
	}
}

type parser struct {
	text string
	pos  int
}

func (p *parser) done() bool { return p.pos >= len(p.text) }

func (p *parser) fail(format string, args ...any) error {
	return &SyntaxError{Text: p.text, Offset: p.pos, Msg: fmt.Sprintf(format, args...)}
}

// rdn reads up to a comma or the end.
func (p *parser) rdn() (RDN, error) {
	var rdn RDN
	for {
		a, err := p.attribute()
		if err != nil {
			return nil, err
		}
		rdn = append(rdn, a)
		if p.done() || p.text[p.pos] == ',' {
			return rdn, nil
		}
		p.pos++ // the plus
	}
}

func (p *parser) attribute() (Attribute, error) {
	var a Attribute
	var err error
	if a.Type, err = p.typeName(); err != nil {
		return a, err
	}
	if !p.done() && p.text[p.pos] == '#' {
		a.DER, err = p.hexValue()
	} else {
		a.Value, err = p.value()
	}
	return a, err
}

// typeName reads up to and with the "=".
func (p *parser) typeName() (string, error) {
	rest := p.text[p.pos:]
	n := 0
	for n < len(rest) && isTypeByte(rest[n]) {
		n++
	}
	switch {
	case n < len(rest) && rest[n] == '=' && n > 0:
		p.pos += n + 1
		return rest[:n], nil
	case rest == "":
		return "", p.fail("nothing after the separator")
	case n == 0 && rest[0] == ' ':
		return "", p.fail("space before an attribute type")
	case n == 0:
		return "", p.fail("no attribute type before %q", rest[:1])
	}
	p.pos += n
	return "", p.fail("no \"=\" after %q", rest[:n])
}

// isTypeByte accepts the letters and digits of names, and the dots and the sign of dotted OIDs:
// GnuTLS prints an arc of 2^63 and more as a negative number.
func isTypeByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-'
}

func (p *parser) hexValue() ([]byte, error) {
	start := p.pos + 1
	end := start
	for end < len(p.text) && p.text[end] != ',' && p.text[end] != '+' {
		end++
	}
	der, err := hex.DecodeString(p.text[start:end])
	if err != nil || len(der) == 0 {
		return nil, p.fail("\"#\" begins a value given in hex; a literal \"#\" is written \"\\#\"")
	}
	p.pos = end
	return der, nil
}

const escapable = `,+"\<>;# =`

// value reads up to a separator, and removes the escapes.
func (p *parser) value() (string, error) {
	start := p.pos
	var out []byte
	plain := true // no escape yet: the text itself is the value
	for ; !p.done(); p.pos++ {
		c := p.text[p.pos]
		if c == ',' || c == '+' {
			break
		}
		if c != '\\' {
			if err := p.bare(start, c); err != nil {
				return "", err
			}
			if !plain {
				out = append(out, c)
			}
			continue
		}
		if plain {
			out, plain = append(out, p.text[start:p.pos]...), false
		}
		b, err := p.escaped()
		if err != nil {
			return "", err
		}
		out = append(out, b)
	}
	if plain {
		return p.text[start:p.pos], nil
	}
	return string(out), nil
}

// bare refuses a character that GnuTLS would have escaped.
func (p *parser) bare(start int, c byte) error {
	switch {
	case strings.IndexByte(`"<>;`, c) >= 0:
		return p.fail("%q needs a backslash before it", c)
	case c == ' ' && p.pos == start:
		return p.fail("space at the start of a value (a literal one is written \"\\ \")")
	case c == ' ' && (p.pos+1 == len(p.text) || p.text[p.pos+1] == ',' || p.text[p.pos+1] == '+'):
		return p.fail("space at the end of a value (a literal one is written \"\\ \")")
	}
	return nil
}

// escaped reads the characters after a backslash and stops on the last byte of them.
func (p *parser) escaped() (byte, error) {
	rest := p.text[p.pos+1:]
	if rest == "" {
		return 0, p.fail("backslash at the end")
	}
	if strings.IndexByte(escapable, rest[0]) >= 0 {
		p.pos++
		return rest[0], nil
	}
	if len(rest) >= 2 {
		if b, err := hex.DecodeString(rest[:2]); err == nil {
			p.pos += 2
			return b[0], nil
		}
	}
	return 0, p.fail("backslash before %q, which needs none", rest[:1])
}
