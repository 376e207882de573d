package dn

import (
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// A Dialect is the GnuTLS release that prints the name. The releases differ only in empty values.
type Dialect uint8

const (
	// GnuTLS37 is GnuTLS 3.7.5 to 3.7.11 (Debian 12, RHEL 9): an empty value
	// of a DirectoryString type is refused, an empty DC, EMAIL or serialNumber
	// prints as #hex.
	GnuTLS37 Dialect = iota
	// GnuTLS38 is GnuTLS 3.8 (Debian 13, Fedora): as GnuTLS37, but an empty DC,
	// EMAIL or serialNumber prints as empty text.
	GnuTLS38
	// GnuTLS36 is GnuTLS 3.5.7 to 3.7.4 (Debian 10 and 11, RHEL 8): every
	// empty value prints as #hex.
	GnuTLS36
)

// A Reason says why GnuTLS does not print a subject.
type Reason string

const (
	// ReasonEmpty is an empty RDNSequence.
	ReasonEmpty Reason = "the subject is empty"
	// ReasonEmptyValue is an attribute with an empty DirectoryString (GnuTLS 3.7.5 and newer).
	ReasonEmptyValue Reason = "an attribute has an empty value"
	// ReasonNUL is a NUL byte in one of the few types that are printed byte by byte.
	ReasonNUL Reason = "a value has a NUL byte"
	// ReasonOID is an attribute type that is not an object identifier, or one too long for GnuTLS.
	ReasonOID Reason = "an attribute type cannot be read"
	// ReasonEncoding is a subject that is not an RDNSequence in DER. GnuTLS does not load such a
	// certificate.
	ReasonEncoding Reason = "the subject is not DER"
	// ReasonAbort is a subject without any attribute inside its RDNs:
	// GnuTLS 3.7 ends the whole process with a failed assertion.
	ReasonAbort Reason = "the subject contains no attribute, and GnuTLS aborts on it"
)

// RefusedError says that GnuTLS does not print a subject. libvirt refuses such a client.
type RefusedError struct {
	Reason Reason
	Type   string // the attribute type at fault, if it is one
	Err    error  // the detail, or nil
}

func (e *RefusedError) Error() string {
	s := "GnuTLS refuses the subject: " + string(e.Reason)
	if e.Type != "" {
		s += " (" + e.Type + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the detail.
func (e *RefusedError) Unwrap() error { return e.Err }

// ErrNotCertificate is in the chain of the error for input without a subject.
var ErrNotCertificate = errors.New("not a DER certificate")

// FromCertificate returns the subject of a DER certificate, byte for byte as gnutls_x509_crt_get_dn
// of GnuTLS 3.7 does. This is the text that libvirt matches. It reads the DER only up to the
// subject and does not check the rest, so certificates that crypto/x509 refuses work too. The text
// need not be valid UTF-8. If GnuTLS does not print the subject, the error is a [*RefusedError].
func FromCertificate(der []byte) (string, error) {
	return GnuTLS37.FromCertificate(der)
}

// FromRDNSequence is [FromCertificate] for only the encoded Name (x509.Certificate.RawSubject).
func FromRDNSequence(der []byte) (string, error) {
	return GnuTLS37.FromRDNSequence(der)
}

// FromCertificate is the function of the same name in the dialect d.
func (d Dialect) FromCertificate(der []byte) (string, error) {
	subject, err := rawSubject(der)
	if err != nil {
		return "", err
	}
	return d.FromRDNSequence(subject)
}

// FromRDNSequence is the function of the same name in the dialect d.
func (d Dialect) FromRDNSequence(der []byte) (string, error) {
	var stack [256]byte // most subjects fit: one allocation, for the string
	text, err := d.appendName(stack[:0], der)
	if err != nil {
		return "", err
	}
	return string(text), nil
}

// rawSubject finds the subject in a certificate (RFC 5280 §4.1).
func rawSubject(der []byte) ([]byte, error) {
	cert, _, err := readSequence(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotCertificate, err)
	}
	fields, _, err := readSequence(cert.content)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotCertificate, err)
	}
	rest := fields.content
	var e element
	skip := 5 // serial, signature algorithm, issuer, validity, then the subject
	for i := 0; i < skip; i++ {
		if e, rest, err = readElement(rest); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotCertificate, err)
		}
		if i == 0 && e.first == 0xa0 { // the version, absent in version 1
			skip++
		}
	}
	return e.whole, nil
}

var errNotSequence = errors.New("not a SEQUENCE")

func readSequence(b []byte) (e element, rest []byte, err error) {
	e, rest, err = readElement(b)
	if err == nil && e.first != tagSequence {
		err = errNotSequence
	}
	return e, rest, err
}

func badEncoding(err error) error {
	return &RefusedError{Reason: ReasonEncoding, Err: err}
}

// appendName prints the RDNs in the order of the certificate. As in GnuTLS the separator comes
// after an attribute: "+" unless it is the last of its RDN, "," unless it is the last RDN, even if
// those that follow are empty.
func (d Dialect) appendName(dst, der []byte) ([]byte, error) {
	name, rest, err := readSequence(der)
	if err == nil && len(rest) > 0 {
		err = errors.New("data after the end")
	}
	if err != nil {
		return dst, badEncoding(err)
	}
	if len(name.content) == 0 {
		return dst, &RefusedError{Reason: ReasonEmpty}
	}
	for rest = name.content; len(rest) > 0; {
		var rdn element
		if rdn, rest, err = readElement(rest); err != nil {
			return dst, badEncoding(err)
		}
		if rdn.first != tagSet {
			return dst, badEncoding(errors.New("an RDN is not a SET"))
		}
		if dst, err = d.appendRDN(dst, rdn.content, len(rest) == 0); err != nil {
			return dst, err
		}
	}
	if len(dst) == 0 {
		return dst, &RefusedError{Reason: ReasonAbort}
	}
	return dst, nil
}

func (d Dialect) appendRDN(dst, set []byte, last bool) ([]byte, error) {
	ended := false // GnuTLS stops printing an RDN at an empty attribute
	for len(set) > 0 {
		var pair element
		var err error
		if pair, set, err = readSequence(set); err != nil {
			return dst, badEncoding(err)
		}
		if len(pair.content) == 0 {
			ended = true
			continue
		}
		oid, value, err := readPair(pair.content)
		if err != nil {
			return dst, badEncoding(err)
		}
		if ended { // not printed, but decoded when the certificate is loaded
			var stack [maxOIDText]byte
			if _, err := appendOID(stack[:0], oid.content); errors.Is(err, errOID) {
				return dst, badEncoding(err)
			}
			continue
		}
		if dst, err = d.appendAttribute(dst, oid, value); err != nil {
			return dst, err
		}
		switch {
		case len(set) > 0:
			dst = append(dst, '+')
		case !last:
			dst = append(dst, ',')
		}
	}
	return dst, nil
}

func readPair(b []byte) (oid, value element, err error) {
	if oid, b, err = readElement(b); err != nil {
		return oid, value, err
	}
	if oid.first != tagOID {
		return oid, value, errOID
	}
	if value, b, err = readElement(b); err != nil {
		return oid, value, err
	}
	if len(b) > 0 {
		err = errors.New("data after an attribute's value")
	}
	return oid, value, err
}

func (d Dialect) appendAttribute(dst []byte, oid, value element) ([]byte, error) {
	t := typeByDER(oid.content)
	start := len(dst)
	k := kindUnknown
	if t == nil {
		t = typeByText(oid.content)
	}
	if t != nil {
		dst, k = append(dst, t.name...), t.kind
	} else {
		var err error
		if dst, err = appendOID(dst, oid.content); err != nil {
			return dst, &RefusedError{Reason: ReasonOID, Err: err}
		}
	}
	typeEnd := len(dst)
	dst = append(dst, '=')
	dst, reason := d.appendValue(dst, k, value)
	if reason != "" {
		return dst, &RefusedError{Reason: reason, Type: string(dst[start:typeEnd])}
	}
	return dst, nil
}

func (d Dialect) appendValue(dst []byte, k kind, v element) ([]byte, Reason) {
	// GnuTLS tests the two bytes of the usual encoding and ignores the tag; an empty value with a
	// longer length or tag prints as #hex.
	if k == kindDirectory && len(v.whole) == 2 && v.whole[1] == 0 && d != GnuTLS36 {
		return dst, ReasonEmptyValue
	}
	switch {
	case len(v.content) == 0 && !(d == GnuTLS38 && k != kindDirectory && k != kindChallenge):
		return appendHex(dst, v.whole), ""
	case k == kindUTF8 && v.primitive(tagUTF8),
		k == kindPrintable && v.primitive(tagPrintable),
		k == kindIA5 && v.primitive(tagIA5),
		k == kindNumeric && v.primitive(tagNumeric),
		(k == kindDirectory || k == kindChallenge) && (v.primitive(tagUTF8) || v.primitive(tagPrintable)):
		return appendText(dst, v), ""
	case k == kindOctet && v.primitive(tagOctetString):
		if hasNUL(v.content) {
			return dst, ReasonNUL
		}
		return appendEscaped(dst, v.content), ""
	case (k == kindDirectory || k == kindBMP) && v.primitive(tagBMP):
		return appendBMP(dst, v), ""
	case k == kindDirectory && v.primitive(tagTeletex) && isPrint(v.content):
		return appendEscaped(dst, v.content), ""
	case k == kindDirectory && (v.primitive(tagTeletex) || v.primitive(tagUniversal)):
		// The converter returns "#" and the content's hex digits, and the escaping then treats that
		// "#" as a character of the value.
		return appendHex(append(dst, '\\'), v.content), ""
	}
	return appendHex(dst, v.whole), ""
}

// appendText prints the content as it stands: GnuTLS checks neither UTF-8 nor
// the character set. A value with a NUL byte becomes #hex.
func appendText(dst []byte, v element) []byte {
	if hasNUL(v.content) {
		return appendHex(dst, v.whole)
	}
	return appendEscaped(dst, v.content)
}

func hasNUL(b []byte) bool {
	for _, c := range b {
		if c == 0 {
			return true
		}
	}
	return false
}

// isPrint is GnuTLS's test of a TeletexString: it reports whether the text is printable ASCII.
func isPrint(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}

// appendBMP converts UTF-16 in big endian. One trailing U+0000 is dropped, an
// odd last byte too; a lone surrogate makes the escaped hex form, another
// U+0000 the plain one.
func appendBMP(dst []byte, v element) []byte {
	b := v.content
	if n := len(b); n > 2 && b[n-1] == 0 && b[n-2] == 0 {
		b = b[:n-2]
	}
	var stack [128]byte
	out := stack[:0]
	nul := false
	for ; len(b) >= 2; b = b[2:] {
		r := rune(b[0])<<8 | rune(b[1])
		if utf16.IsSurrogate(r) {
			if len(b) >= 4 {
				r = utf16.DecodeRune(r, rune(b[2])<<8|rune(b[3]))
			} else {
				r = utf8.RuneError
			}
			if r == utf8.RuneError {
				return appendHex(append(dst, '\\'), v.content)
			}
			b = b[2:]
		}
		nul = nul || r == 0
		out = utf8.AppendRune(out, r)
	}
	if nul {
		return appendHex(dst, v.whole)
	}
	return appendEscaped(dst, out)
}

func appendHex(dst, b []byte) []byte {
	return hex.AppendEncode(append(dst, '#'), b)
}

// appendEscaped puts a backslash where GnuTLS does (RFC 4514 §2.4): before
// , + " \ < > ; anywhere, before "#" or a space that begins the value, and
// before a space that ends it. Nothing else is escaped: not "=", "*", "?",
// brackets, line ends or control bytes.
func appendEscaped[T string | []byte](dst []byte, s T) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == ',' || c == '+' || c == '"' || c == '\\' || c == '<' || c == '>' || c == ';',
			i == 0 && (c == '#' || c == ' '),
			i == len(s)-1 && c == ' ':
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// Escape returns a value as it stands in the text of a name: Escape("Acme, Inc.") is `Acme\, Inc.`.
func Escape(value string) string {
	return string(appendEscaped(make([]byte, 0, len(value)+4), value))
}
