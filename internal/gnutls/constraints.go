package gnutls

import (
	"bytes"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// constraints are the name constraints of the CAs above a leaf. GnuTLS applies them
// (lib/x509/name_constraints.c) to DNS names, mail addresses and IP addresses; if a leaf has no
// DNS name, to its CN.
type constraints struct {
	permitted [][]generalName // one list a CA: each has to permit
	excluded  []generalName
}

// add reads the constraints of a CA. It returns false if GnuTLS cannot read them.
func (n *constraints) add(ca *Certificate) bool {
	e := ca.ext(oidNameConstraints)
	if e == nil {
		return true
	}
	s := cryptobyte.String(e.value)
	var seq cryptobyte.String
	if !s.ReadASN1(&seq, asn1.SEQUENCE) || !s.Empty() {
		return false
	}
	permitted, ok1 := readSubtrees(&seq, 0)
	excluded, ok2 := readSubtrees(&seq, 1)
	if len(permitted) > 0 {
		n.permitted = append(n.permitted, permitted)
	}
	n.excluded = append(n.excluded, excluded...)
	return ok1 && ok2 && seq.Empty()
}

func readSubtrees(seq *cryptobyte.String, tag asn1.Tag) ([]generalName, bool) {
	var list cryptobyte.String
	var has bool
	if !seq.ReadOptionalASN1(&list, &has, tag.ContextSpecific().Constructed()) {
		return nil, false
	}
	var names []generalName
	for !list.Empty() {
		var subtree cryptobyte.String
		if !list.ReadASN1(&subtree, asn1.SEQUENCE) {
			return nil, false
		}
		name, ok := readGeneralName(&subtree)
		if !ok || !validConstraint(name) {
			return nil, false
		}
		names = append(names, name)
	}
	return names, true
}

func validConstraint(name generalName) bool {
	switch name.kind {
	case nameDNS, nameEmail, nameDN, nameURI:
		return true
	case nameIP:
		return (len(name.value) == 8 || len(name.value) == 32) && isMask(name.value[len(name.value)/2:])
	}
	return false
}

func isMask(mask []byte) bool {
	zero := false
	for _, b := range mask {
		for bit := 7; bit >= 0; bit-- {
			set := b>>bit&1 == 1
			if set && zero {
				return false
			}
			zero = zero || !set
		}
	}
	return true
}

// allow checks an end certificate.
func (n *constraints) allow(cert *Certificate) bool {
	if (n.has(nameDNS) || n.has(nameEmail) || n.has(nameIP) || n.has(nameURI)) && !fit(cert) {
		return false
	}
	return n.allowKind(nameDNS, n.dnsNames(cert)) && n.allowKind(nameEmail, n.mailAddresses(cert)) &&
		n.allowKind(nameIP, cert.namesOf(nameIP)) && n.allowOther(cert)
}

func (c *Certificate) namesOf(kind int) [][]byte {
	var values [][]byte
	for _, name := range c.altNames() {
		if name.kind == kind {
			values = append(values, name.value)
		}
	}
	return values
}

// tooMany stands for more names than the check allows, so that it fails.
var tooMany = [][]byte{nil}

func (n *constraints) dnsNames(cert *Certificate) [][]byte {
	names := cert.namesOf(nameDNS)
	if len(names) > 0 || !cert.servesTLS() || !n.has(nameDNS) {
		return names
	}
	return single(subjectValues(cert.Subject, "2.5.4.3"))
}

func (n *constraints) mailAddresses(cert *Certificate) [][]byte {
	names := cert.namesOf(nameEmail)
	if len(names) > 0 || !n.has(nameEmail) {
		return names
	}
	return single(subjectValues(cert.Subject, "1.2.840.113549.1.9.1"))
}

// single takes one value of a subject, which has to fit in the buffer.
func single(values [][]byte) [][]byte {
	if len(values) > 1 || len(values) == 1 && len(values[0]) > maxConstrained {
		return tooMany
	}
	return values
}

// maxConstrained is the length, in bytes, of the longest name that can be compared with name
// constraints: GnuTLS copies it into a buffer of 256 with a zero byte behind it.
const maxConstrained = 255

// fit reports whether all alternative names fit into that buffer; GnuTLS copies those of other
// kinds too.
func fit(cert *Certificate) bool {
	for _, name := range cert.altNames() {
		if len(name.value) > maxConstrained && (name.kind == nameDNS || name.kind == nameEmail || name.kind == nameURI) {
			return false
		}
	}
	return true
}

func (n *constraints) has(kind int) bool {
	for _, list := range append([][]generalName{n.excluded}, n.permitted...) {
		for _, c := range list {
			if c.kind == kind {
				return true
			}
		}
	}
	return false
}

func (n *constraints) allowKind(kind int, names [][]byte) bool {
	if !n.has(kind) {
		return true
	}
	for _, name := range names {
		if name == nil || n.excludes(kind, name) {
			return false
		}
		for _, list := range n.permitted {
			if !permits(list, kind, name) {
				return false
			}
		}
	}
	return true
}

func (n *constraints) excludes(kind int, name []byte) bool {
	for _, c := range n.excluded {
		if c.kind == kind && (len(c.value) == 0 || within(kind, name, c.value)) {
			return true
		}
	}
	return false
}

// permits reports whether a list permits a name. An empty constraint does not restrict
// anything, and neither does one of the other IP version.
func permits(list []generalName, kind int, name []byte) bool {
	concerned := false
	for _, c := range list {
		if c.kind != kind || len(c.value) == 0 || kind == nameIP && len(c.value) != 2*len(name) {
			continue
		}
		concerned = true
		if within(kind, name, c.value) {
			return true
		}
	}
	return !concerned
}

func within(kind int, name, tree []byte) bool {
	switch kind {
	case nameDNS:
		return bytes.Equal(name, tree) || strings.HasSuffix(string(name), "."+strings.TrimPrefix(string(tree), "."))
	case nameEmail:
		return bytes.Equal(name, tree) || mailWithin(string(name), string(tree))
	}
	return ipWithin(name, tree)
}

func mailWithin(name, tree string) bool {
	if len(tree) > 1 && tree[0] == '.' {
		return len(tree) < len(name) && strings.HasSuffix(name, tree)
	}
	return strings.HasSuffix(name, "@"+tree)
}

func ipWithin(addr, cidr []byte) bool {
	half := len(cidr) / 2
	if len(addr) != half {
		return false
	}
	for i := range addr {
		if addr[i]&cidr[half+i] != cidr[i]&cidr[half+i] {
			return false
		}
	}
	return true
}

// allowOther checks the kinds of names that GnuTLS cannot compare: an excluded kind refuses
// every certificate that could have such a name.
func (n *constraints) allowOther(cert *Certificate) bool {
	for _, c := range n.excluded {
		if c.kind == nameDN || c.kind == nameURI && len(cert.namesOf(nameURI)) > 0 {
			return false
		}
	}
	return true
}

// subjectValues lists the values of a type in a name, as bytes of the string.
func subjectValues(name []byte, oid string) [][]byte {
	s := cryptobyte.String(name)
	var seq, set, pair, value cryptobyte.String
	var values [][]byte
	if !s.ReadASN1(&seq, asn1.SEQUENCE) {
		return nil
	}
	for seq.ReadASN1(&set, asn1.SET) {
		for set.ReadASN1(&pair, asn1.SEQUENCE) {
			var typ string
			var tag asn1.Tag
			if readOID(&pair, &typ) && pair.ReadAnyASN1(&value, &tag) && typ == oid {
				values = append(values, nonNil(stringValue(tag, value)))
			}
		}
	}
	return values
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// stringValue returns UTF-8 of the string types that GnuTLS converts.
func stringValue(tag asn1.Tag, value []byte) []byte {
	if tag != 30 { // BMPString
		return value
	}
	var out strings.Builder
	for i := 0; i+1 < len(value); i += 2 {
		out.WriteRune(rune(value[i])<<8 | rune(value[i+1]))
	}
	return []byte(out.String())
}
