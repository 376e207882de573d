package libvirt

import (
	"strconv"
	"strings"

	"virtpki/dn"
)

// Rules holds the demands of a run of releases on TLS files. Each was learned from the release
// that it is named for. The table also has the changes that distributions carry back, so that a
// package version finds the right rules.
type Rules struct {
	Name    string // a release's text: "libvirt-9.0"
	Product string // "libvirt" or "qemu"

	// KeyEncipherment: a critical keyUsage of a leaf must permit keyEncipherment beside
	// digitalSignature.
	KeyEncipherment bool
	// AnyPurposeInverted: anyExtendedKeyUsage allows nothing, and any purpose
	// that is neither of TLS allows everything (libvirt, virNetTLSCertCheckKeyPurpose).
	AnyPurposeInverted bool
	// MaxBytes is the size that a certificate file may have, 0 for any.
	MaxBytes int
	// MaxCAs is the number of certificates of a CA file that are read, 0 for all.
	MaxCAs int
	// WholeChain: intermediates in the leaf's own file count, each must be a
	// proper CA, the chain must end in a self-signed CA of the CA file, and CAs
	// off the chain may be anything (QEMU 10.2).
	WholeChain bool
	// HalfPairRefused: a client with a key and no certificate, or the reverse, does not
	// connect; earlier releases went on without either.
	HalfPairRefused bool
	// Identities: further pairs, numbered 0 to 3, are loaded.
	Identities bool
	// ClientReadsCRL is false if a client does not even open its CRL (QEMU).
	ClientReadsCRL bool
	// MaxDN is the length that the text of a subject may have, 0 for any.
	MaxDN int
	// LongUsageIsEmpty: a keyUsage of more than two bytes permits nothing; in later releases it
	// is an error (libtasn1).
	LongUsageIsEmpty bool
	// Matcher is the way in which tls_allowed_dn_list is matched.
	Matcher dn.Matcher
	// Names is the way in which the GnuTLS of the release prints subjects.
	Names dn.Dialect
}

// ruleRelease is a row of the table: the rules, and the first release that has
// them. Rows of a product stand in the order of their releases.
type ruleRelease struct {
	from  Release
	rules Rules
}

// backport is a package version that has the rules of a later release.
type backport struct {
	release  Release // product, version and the distribution's mark before its number
	mark     string  // "deb13u": the text before the number in the revision
	atLeast  int
	hasRules string // the name of a row
}

// The limits of reading a certificate or CA file (libvirt, src/rpc/virnettlscert.c).
const (
	maxPEMBytes = 65536 // a larger file is refused: "Value too large"
	// MaxCAs is how many certificates of a CA file are read; further blocks are passed over
	// without a word.
	MaxCAs = 16
)

// ruleTable follows the libvirts of Debian 11 to 14 and their sources. NEWS 11.6.0 drops
// keyEncipherment, NEWS 11.10.0 brings identities. The change that is only for ECDSA lies
// between 11.3.0 (Debian's package had to carry it back) and 11.6.0; the earlier rules are kept
// until then. So is fnmatch, which went between 5.9.0 and 6.1.0.
func ruleTable() []ruleRelease {
	libvirt := Rules{Product: "libvirt", KeyEncipherment: true, AnyPurposeInverted: true, MaxBytes: maxPEMBytes, MaxCAs: MaxCAs,
		ClientReadsCRL: true}
	seven := libvirt
	seven.Name, seven.MaxDN, seven.Names, seven.LongUsageIsEmpty = "libvirt-7.0", 255, dn.GnuTLS36, true
	five := seven
	five.Name, five.Matcher = "libvirt-5.8", dn.Fnmatch
	nine := libvirt
	nine.Name, nine.Names = "libvirt-9.0", dn.GnuTLS37
	eleven := nine
	eleven.Name, eleven.Names, eleven.KeyEncipherment = "libvirt-11.6", dn.GnuTLS38, false
	twelve := eleven
	twelve.Name, twelve.HalfPairRefused, twelve.Identities = "libvirt-11.10", true, true
	return append([]ruleRelease{
		{Release{Product: "libvirt"}, five},
		{Release{Product: "libvirt", Major: 6, Minor: 1}, seven},
		{Release{Product: "libvirt", Major: 9}, nine},
		{Release{Product: "libvirt", Major: 11, Minor: 6}, eleven},
		{Release{Product: "libvirt", Major: 11, Minor: 10}, twelve},
	}, qemuRules()...)
}

func qemuRules() []ruleRelease {
	qemu := Rules{Product: "qemu", KeyEncipherment: true, MaxCAs: MaxCAs, Names: dn.GnuTLS37}
	five := qemu
	five.Name, five.Names, five.LongUsageIsEmpty = "qemu-5.2", dn.GnuTLS36, true
	old := qemu
	old.Name = "qemu-7.2"
	stable := qemu
	stable.Name, stable.KeyEncipherment, stable.Names = "qemu-10.0.7", false, dn.GnuTLS38
	newest := stable
	newest.Name, newest.MaxCAs, newest.WholeChain = "qemu-10.2", 0, true
	newest.HalfPairRefused, newest.Identities = true, true
	return []ruleRelease{
		{Release{Product: "qemu"}, five},
		{Release{Product: "qemu", Major: 7, Minor: 2}, old},
		{Release{Product: "qemu", Major: 10, Micro: 7}, stable},
		{Release{Product: "qemu", Major: 10, Minor: 1}, old},
		{Release{Product: "qemu", Major: 10, Minor: 2}, newest},
	}
}

// backports: Debian's changelogs of libvirt 11.3.0-3+deb13u1 and qemu
// 1:7.2+dfsg-7+deb12u18. QEMU 7.2.22 is that package's upstream.
func backports() []backport {
	return []backport{
		{Release{Product: "libvirt", Major: 11, Minor: 3}, "deb13u", 1, "libvirt-11.6"},
		{Release{Product: "qemu", Major: 7, Minor: 2}, "deb12u", 18, "qemu-10.0.7"},
		{Release{Product: "qemu", Major: 7, Minor: 2, Micro: 22}, "", 0, "qemu-10.0.7"},
	}
}

// Rules lists the rules that a release has: one set, or for "any" every set of the product. An
// empty product is both.
func (t Release) Rules(product string) []Rules {
	var found []Rules
	for _, row := range ruleTable() {
		if t.Product == "" && (product == "" || product == row.rules.Product) && !containsRules(found, row.rules.Name) {
			found = append(found, row.rules)
		}
	}
	if t.Product == "" {
		return found
	}
	return []Rules{t.rules()}
}

func containsRules(list []Rules, name string) bool {
	for _, r := range list {
		if r.Name == name {
			return true
		}
	}
	return false
}

// rules finds the row of a release.
func (t Release) rules() Rules {
	name := ""
	for _, b := range backports() {
		if b.covers(t) {
			name = b.hasRules
		}
	}
	var found Rules
	for _, row := range ruleTable() {
		if row.from.Product != t.Product {
			continue
		}
		if name == row.rules.Name || name == "" && !t.before(row.from) {
			found = row.rules
		}
	}
	return found
}

// before compares versions, not revisions.
func (t Release) before(other Release) bool {
	if t.Major != other.Major {
		return t.Major < other.Major
	}
	if t.Minor != other.Minor {
		return t.Minor < other.Minor
	}
	return t.Micro < other.Micro
}

func (b backport) covers(t Release) bool {
	if b.release.Product != t.Product || b.release.Major != t.Major || b.release.Minor != t.Minor {
		return false
	}
	if b.mark == "" {
		return t.Micro >= b.release.Micro
	}
	_, after, found := strings.Cut(t.Revision, b.mark)
	digits := strings.IndexFunc(after, func(r rune) bool { return r < '0' || r > '9' })
	if digits >= 0 {
		after = after[:digits]
	}
	n, err := strconv.Atoi(after)
	return found && err == nil && n >= b.atLeast
}
