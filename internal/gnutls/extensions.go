package gnutls

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
)

// Purposes of an extended key usage (RFC 5280 §4.2.1.12), dotted.
const (
	OIDServerAuth = "1.3.6.1.5.5.7.3.1"
	OIDClientAuth = "1.3.6.1.5.5.7.3.2"
	OIDAnyPurpose = "2.5.29.37.0"
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

// Bits of a keyUsage, as [Certificate.KeyUsage] returns them.
const (
	UsageDigitalSignature = 0x80
	UsageKeyEncipherment  = 0x20
	UsageCertSign         = 0x04
)

// Presence is the result of reading an extension.
type Presence int

// An extension is absent, or it could be read, or GnuTLS cannot read it.
const (
	Absent Presence = iota
	Present
	Broken
)

// BasicConstraints reports whether the certificate says that it is a CA, and returns how many
// CAs it allows below itself; pathLen is -1 if it sets no limit.
func (c *Certificate) BasicConstraints() (ca bool, pathLen int, p Presence) {
	e := c.ext(oidBasicConstraints)
	if e == nil {
		return false, -1, Absent
	}
	s := cryptobyte.String(e.value)
	var seq cryptobyte.String
	pathLen = -1
	if !s.ReadASN1(&seq, asn1.SEQUENCE) || !s.Empty() || !readCritical(&seq, &ca) {
		return false, -1, Broken
	}
	if seq.PeekASN1Tag(asn1.INTEGER) && !readUnsigned(&seq, &pathLen) || !seq.Empty() {
		return false, -1, Broken
	}
	return ca, pathLen, Present
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

// KeyUsage returns the first byte of the key usage and whether the extension is
// critical. One of more than two bytes is [Broken], as it is for GnuTLS.
func (c *Certificate) KeyUsage() (bits byte, critical bool, p Presence) {
	e := c.ext(oidKeyUsage)
	if e == nil {
		return 0, false, Absent
	}
	s := cryptobyte.String(e.value)
	var content cryptobyte.String
	if !s.ReadASN1(&content, asn1.BIT_STRING) || !s.Empty() || len(content) == 0 || len(content) > 3 || content[0] > 7 {
		return 0, e.critical, Broken
	}
	if len(content) > 1 {
		bits = content[1]
	}
	return bits, e.critical, Present
}

// DecipherOnly reports whether the key usage has the bit of that name, the only one
// of its second byte.
func (c *Certificate) DecipherOnly() bool {
	e := c.ext(oidKeyUsage)
	return e != nil && len(e.value) == 5 && e.value[4]&0x80 != 0
}

// LongUsage reports whether the key usage is a bit string of more than two bytes:
// [Broken] now, and empty to releases of libvirt that overlooked the error.
func (c *Certificate) LongUsage() bool {
	e := c.ext(oidKeyUsage)
	s := cryptobyte.String(e.value)
	var content cryptobyte.String
	return s.ReadASN1(&content, asn1.BIT_STRING) && s.Empty() && len(content) > 3 && isBitString(content)
}

// Purposes returns the extended key usages, dotted, and whether the extension is
// critical.
func (c *Certificate) Purposes() (oids []string, critical bool, p Presence) {
	e := c.ext(oidExtKeyUsage)
	if e == nil {
		return nil, false, Absent
	}
	s := cryptobyte.String(e.value)
	var seq cryptobyte.String
	if !s.ReadASN1(&seq, asn1.SEQUENCE) || !s.Empty() {
		return nil, e.critical, Broken
	}
	for !seq.Empty() {
		var oid string
		if !readOID(&seq, &oid) {
			return nil, e.critical, Broken
		}
		oids = append(oids, oid)
	}
	return oids, e.critical, Present
}

// servesTLS is GnuTLS's own check of serverAuth, which it makes before it takes a host name
// from the CN (_gnutls_check_key_purpose).
func (c *Certificate) servesTLS() bool {
	oids, _, p := c.Purposes()
	if p == Absent || p == Present && len(oids) == 0 {
		return true
	}
	ca, _, _ := c.BasicConstraints()
	for _, oid := range oids {
		if oid == OIDServerAuth || oid == OIDAnyPurpose || ca && (oid == "2.16.840.1.113730.4.1" || oid == "2.16.840.1.113733.1.8.1") {
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

// UnknownCritical returns the first critical extension that GnuTLS does not know,
// dotted, or an empty string.
func (c *Certificate) UnknownCritical() string {
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

// readGeneralNames reads alternative names; GnuTLS refuses an empty name.
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

// DNSNames returns the DNS names among the subject alternative names.
func (c *Certificate) DNSNames() []string {
	var names []string
	for _, n := range c.altNames() {
		if n.kind == nameDNS {
			names = append(names, string(n.value))
		}
	}
	return names
}

// IPAddresses returns the IP addresses among the subject alternative names.
func (c *Certificate) IPAddresses() []netip.Addr {
	var addrs []netip.Addr
	for _, n := range c.altNames() {
		if addr, ok := netip.AddrFromSlice(n.value); n.kind == nameIP && ok {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}
