package judge

import (
	"net/netip"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// The extensions that matter here (RFC 5280 §4.2).
const (
	oidSubjectKeyID     = "2.5.29.14"
	oidKeyUsage         = "2.5.29.15"
	oidSubjectAltName   = "2.5.29.17"
	oidIssuerAltName    = "2.5.29.18"
	oidBasicConstraints = "2.5.29.19"
	oidNameConstraints  = "2.5.29.30"
	oidAuthorityKeyID   = "2.5.29.35"
	oidExtKeyUsage      = "2.5.29.37"
	oidTLSFeature       = "1.3.6.1.5.5.7.1.24"

	oidServerAuth = "1.3.6.1.5.5.7.3.1"
	oidClientAuth = "1.3.6.1.5.5.7.3.2"
	oidAnyPurpose = "2.5.29.37.0"
)

// knownCritical reports whether GnuTLS goes on with an extension that is marked
// critical (lib/x509/supported_exts.gperf).
func knownCritical(oid string) bool {
	switch oid {
	case oidSubjectKeyID, oidKeyUsage, oidSubjectAltName, oidIssuerAltName, oidBasicConstraints, oidNameConstraints,
		"2.5.29.31", "2.5.29.32", oidAuthorityKeyID, oidExtKeyUsage, "2.5.29.54", "1.3.6.1.5.5.7.1.1", "1.3.6.1.5.5.7.1.14", oidTLSFeature:
		return true
	}
	return false
}

// Bits of keyUsage, as GnuTLS numbers them.
const (
	usageDigitalSignature = 0x80
	usageKeyEncipherment  = 0x20
	usageCertSign         = 0x04
)

// presence is what reading an extension came to.
type presence int

const (
	absent presence = iota
	present
	broken
)

func (c *Certificate) basicConstraints() (ca bool, pathLen int, p presence) {
	e := c.ext(oidBasicConstraints)
	if e == nil {
		return false, -1, absent
	}
	s := cryptobyte.String(e.value)
	var seq cryptobyte.String
	pathLen = -1
	if !s.ReadASN1(&seq, asn1.SEQUENCE) || !s.Empty() || !readCritical(&seq, &ca) {
		return false, -1, broken
	}
	if seq.PeekASN1Tag(asn1.INTEGER) && !readUnsigned(&seq, &pathLen) || !seq.Empty() {
		return false, -1, broken
	}
	return ca, pathLen, present
}

// readUnsigned takes the bytes of an INTEGER for a number without a sign, as GnuTLS
// does.
func readUnsigned(s *cryptobyte.String, n *int) bool {
	var content cryptobyte.String
	if !s.ReadASN1(&content, asn1.INTEGER) || len(content) == 0 || len(content) > 4 {
		return false
	}
	*n = 0
	for _, b := range content {
		*n = *n<<8 | int(b)
	}
	return true
}

// keyUsage: GnuTLS reads two bytes of bits and fails on more.
func (c *Certificate) keyUsage() (bits byte, critical bool, p presence) {
	e := c.ext(oidKeyUsage)
	if e == nil {
		return 0, false, absent
	}
	s := cryptobyte.String(e.value)
	var content cryptobyte.String
	if !s.ReadASN1(&content, asn1.BIT_STRING) || !s.Empty() || len(content) == 0 || len(content) > 3 || content[0] > 7 {
		return 0, e.critical, broken
	}
	if len(content) > 1 {
		bits = content[1]
	}
	return bits, e.critical, present
}

// decipherOnly is the one bit of keyUsage's second byte.
func (c *Certificate) decipherOnly() bool {
	e := c.ext(oidKeyUsage)
	return e != nil && len(e.value) == 5 && e.value[4]&0x80 != 0
}

// longUsage reports whether keyUsage is a bit string of more than two bytes.
func (c *Certificate) longUsage() bool {
	e := c.ext(oidKeyUsage)
	s := cryptobyte.String(e.value)
	var content cryptobyte.String
	return s.ReadASN1(&content, asn1.BIT_STRING) && s.Empty() && len(content) > 3 && isBitString(content)
}

// purposes lists the extended key usages.
func (c *Certificate) purposes() (oids []string, critical bool, p presence) {
	e := c.ext(oidExtKeyUsage)
	if e == nil {
		return nil, false, absent
	}
	s := cryptobyte.String(e.value)
	var seq cryptobyte.String
	if !s.ReadASN1(&seq, asn1.SEQUENCE) || !s.Empty() {
		return nil, e.critical, broken
	}
	for !seq.Empty() {
		var oid string
		if !readOID(&seq, &oid) {
			return nil, e.critical, broken
		}
		oids = append(oids, oid)
	}
	return oids, e.critical, present
}

// servesTLS is GnuTLS's own question about serverAuth, which it asks before it
// takes a host name from the CN (_gnutls_check_key_purpose).
func (c *Certificate) servesTLS() bool {
	oids, _, p := c.purposes()
	if p == absent || p == present && len(oids) == 0 {
		return true
	}
	ca, _, _ := c.basicConstraints()
	for _, oid := range oids {
		if oid == oidServerAuth || oid == oidAnyPurpose || ca && (oid == "2.16.840.1.113730.4.1" || oid == "2.16.840.1.113733.1.8.1") {
			return true
		}
	}
	return false
}

func (c *Certificate) subjectKeyID() []byte {
	e := c.ext(oidSubjectKeyID)
	if e == nil {
		return nil
	}
	s := cryptobyte.String(e.value)
	var id cryptobyte.String
	if !s.ReadASN1(&id, asn1.OCTET_STRING) || !s.Empty() {
		return nil
	}
	return id
}

func (c *Certificate) authorityKeyID() []byte {
	e := c.ext(oidAuthorityKeyID)
	if e == nil {
		return nil
	}
	s := cryptobyte.String(e.value)
	var seq, id cryptobyte.String
	var has bool
	if !s.ReadASN1(&seq, asn1.SEQUENCE) || !s.Empty() || !seq.ReadOptionalASN1(&id, &has, asn1.Tag(0).ContextSpecific()) || !has {
		return nil
	}
	return id
}

// unknownCritical gives the first critical extension that GnuTLS cannot judge.
func (c *Certificate) unknownCritical() string {
	for _, e := range c.exts {
		if e.critical && !knownCritical(e.oid) {
			return e.oid
		}
	}
	return ""
}

// Kinds of a general name: the context tag (RFC 5280 §4.2.1.6).
const (
	nameOther = 0
	nameEmail = 1
	nameDNS   = 2
	nameDN    = 4
	nameURI   = 6
	nameIP    = 7
)

type generalName struct {
	kind  int
	value []byte
	srv   bool // an otherName of type id-on-dnsSRV
}

// readGeneralNames reads alternative names; GnuTLS takes none that is empty.
func readGeneralNames(der []byte) ([]generalName, bool) {
	s := cryptobyte.String(der)
	var seq cryptobyte.String
	if !s.ReadASN1(&seq, asn1.SEQUENCE) || !s.Empty() {
		return nil, false
	}
	var names []generalName
	for !seq.Empty() {
		name, ok := readGeneralName(&seq)
		if !ok || len(name.value) == 0 {
			return nil, false
		}
		names = append(names, name)
	}
	return names, true
}

func readGeneralName(seq *cryptobyte.String) (generalName, bool) {
	var content cryptobyte.String
	var tag asn1.Tag
	if !seq.ReadAnyASN1(&content, &tag) || tag&0xc0 != 0x80 {
		return generalName{}, false
	}
	name := generalName{kind: int(tag & 0x1f), value: content}
	constructed := name.kind == nameOther || name.kind >= 3 && name.kind <= 5
	if constructed != (tag&0x20 != 0) {
		return generalName{}, false
	}
	if name.kind == nameOther {
		var oid string
		if !readOID(&content, &oid) {
			return generalName{}, false
		}
		name.srv = oid == "1.3.6.1.5.5.7.8.7"
	}
	return name, name.kind <= 8
}

func (c *Certificate) altNames() []generalName {
	e := c.ext(oidSubjectAltName)
	if e == nil {
		return nil
	}
	names, _ := readGeneralNames(e.value)
	return names
}

// DNSNames lists the dNSNames among the alternative names.
func (c *Certificate) DNSNames() []string {
	var names []string
	for _, n := range c.altNames() {
		if n.kind == nameDNS {
			names = append(names, string(n.value))
		}
	}
	return names
}

// IPAddresses lists the addresses among the alternative names.
func (c *Certificate) IPAddresses() []netip.Addr {
	var addrs []netip.Addr
	for _, n := range c.altNames() {
		if addr, ok := netip.AddrFromSlice(n.value); n.kind == nameIP && ok {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}
