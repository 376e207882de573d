package dn

import (
	"fmt"
	"strings"
)

// A Severity says how much an [Advice] matters.
type Severity uint8

const (
	Note    Severity = iota // worth knowing
	Warning                 // admits or refuses more than meant, or differs between releases of libvirt
	Error                   // does not serve its purpose
)

// String gives "note", "warning" or "error".
func (s Severity) String() string { return [...]string{"note", "warning", "error"}[min(s, Error)] }

// MarshalText is for JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// An Advice is one remark on a pattern, a list or a name.
type Advice struct {
	ID       string   `json:"id"` // stable, for programs: "reversed-order"
	Severity Severity `json:"severity"`
	Index    int      `json:"index"`   // of the pattern in the list; -1 for the list as a whole
	Pattern  string   `json:"pattern"` // the pattern, or the name
	Reason   string   `json:"reason"`
	Fix      string   `json:"fix,omitempty"` // the text to write instead, if one is known
}

// A Diagnosis is the result of [Diagnose] for a text.
type Diagnosis struct {
	// Right is the name in libvirt's form.
	Right string
	// Problems are the faults of the text as it stands. Without any, the text is in libvirt's form
	// already. Right fixes them all at once.
	Problems []Advice
}

// Diagnose reads a name in the forms that people paste: certtool's and RFC 4514's (and Go's), which
// list the RDNs from the last to the first, openssl's old /C=GB/CN=a and new "C = GB, CN = a",
// quoted values, "subject=" before it. It lists the faults and gives the form that libvirt matches.
//
// Whether the order is reversed is a guess, made from the usual order of the types (C, ST, L, O,
// OU, CN): the text alone does not tell. [FromCertificate] does. Diagnose returns an error only for
// a text that cannot be read as a name at all.
func Diagnose(text string) (*Diagnosis, error) {
	pieces, h, ok := readLoosely(text, false)
	if !ok {
		_, err := Parse(text)
		if err == nil {
			err = &SyntaxError{Text: text, Msg: "not a DN"}
		}
		return nil, err
	}
	d := &Diagnosis{}
	for _, p := range pieces {
		h |= p.habit
	}
	for _, say := range habitAdvice {
		if h&say.habit != 0 {
			d.add(text, say.id, say.severity, say.reason)
		}
	}
	for _, p := range pieces {
		if typeByName(p.typ) == nil && !isDotted(p.typ) {
			d.add(text, "unknown-type", Error, fmt.Sprintf("GnuTLS has no attribute type %q; it prints an unknown type as dotted numbers", p.typ))
		}
	}
	if looksReversed(pieces) {
		pieces = reversePieces(pieces)
		d.add(text, "reversed-order", Warning, "the RDNs look reversed: libvirt prints them in the order of the certificate, usually C, ST, L, O, OU, CN")
	}
	d.Right = joinPieces(pieces)
	for i := range d.Problems {
		d.Problems[i].Fix = d.Right
	}
	return d, nil
}

func (d *Diagnosis) add(text, id string, s Severity, reason string) {
	d.Problems = append(d.Problems, Advice{ID: id, Severity: s, Index: -1, Pattern: text, Reason: reason})
}

// habitAdvice holds the advice for each habit.
var habitAdvice = []struct {
	habit    habits
	id       string
	severity Severity
	reason   string
}{
	{habitLabel, "label", Error, "the word before the name does not belong to it"},
	{habitTrailing, "trailing-comma", Error, "there is nothing after the last comma"},
	{habitSlashes, "slashes", Error, "this is openssl's form; libvirt puts commas between the RDNs and none before the first"},
	{habitSpaces, "spaces", Error, "libvirt's form has no space around a comma or plus"},
	{habitEquals, "spaces-around-equals", Error, "libvirt's form has no space around \"=\""},
	{habitQuotes, "quotes", Error, "GnuTLS puts no value into quotes; it puts a backslash before each special character"},
	{habitSemicolon, "semicolon", Error, "RDNs are separated by commas"},
	{habitCase, "type-case", Error, "the case of an attribute type counts"},
	{habitSpelling, "type-spelling", Error, "GnuTLS has another name for an attribute type"},
	{habitHexPairs, "hex-form", Error, "GnuTLS writes a special character as a backslash and the character, and hex digits in lower case"},
	{habitBare, "escapes", Error, "GnuTLS puts a backslash before , + \" \\ < > ; in a value, and before no other character but \"#\" and a space at an end"},
}

func isDotted(typ string) bool {
	return typ != "" && typ[0] >= '0' && typ[0] <= '9' && strings.Trim(typ, "0123456789.-") == ""
}
