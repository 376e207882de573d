package revocation

import (
	"crypto/x509"
	"net/netip"
	"strings"
	"testing"

	"virtpki/internal/grant"
	"virtpki/pki"
)

// A typed name means the certificates that carry it themselves, and not those with a wildcard
// that covers it: these admit other hosts too.
func TestCarries(t *testing.T) {
	names := grant.Names{CNs: []string{"hv1.example"}, DNS: []string{"hv1.example", "kvm.example", "*.lab.example"}, IPs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
	for _, c := range []struct {
		name     string
		want     carrying
		wildcard string
	}{
		{"hv1.example", asCN, ""},
		{"HV1.example", asCN, ""},
		{"kvm.example", asAnother, ""},
		{"192.0.2.1", asAnother, ""},
		{"a.lab.example", byWildcard, "*.lab.example"},
		{"*.lab.example", asAnother, ""},
		{"a.b.lab.example", notAtAll, ""},
		{"hv2.example", notAtAll, ""},
	} {
		if how, wildcard := carries(names, c.name); how != c.want || wildcard != c.wildcard {
			t.Errorf("%s: %v by %q, want %v by %q", c.name, how, wildcard, c.want, c.wildcard)
		}
	}
}

// A certificate that is revoked again keeps the first reason, unless the new one refuses more.
func TestRevise(t *testing.T) {
	for _, c := range []struct {
		have, again pki.Reason
		changed     bool
	}{
		{pki.ReasonUnspecified, pki.ReasonUnspecified, false},
		{pki.ReasonSuperseded, pki.ReasonUnspecified, false}, // no reason was given
		{pki.ReasonSuperseded, pki.ReasonPrivilegeWithdrawn, true},
		{pki.ReasonPrivilegeWithdrawn, pki.ReasonKeyCompromise, true},
		{pki.ReasonKeyCompromise, pki.ReasonPrivilegeWithdrawn, false},
		{pki.ReasonKeyCompromise, pki.ReasonSuperseded, false},
		{pki.ReasonPrivilegeWithdrawn, pki.ReasonCessationOfOperation, false},
	} {
		next, changed := revise(x509.RevocationListEntry{ReasonCode: int(c.have)}, c.again)
		want := c.have
		if c.changed {
			want = c.again
		}
		if changed != c.changed || pki.Reason(next.ReasonCode) != want {
			t.Errorf("%s, then %s: %s, changed %v", c.have, c.again, pki.Reason(next.ReasonCode), changed)
		}
	}
}

// A word that no record knows is a mistyped name, unless it is long enough for a serial.
func TestUnknown(t *testing.T) {
	for _, c := range []struct {
		arg    string
		serial bool
	}{
		{"6F5FEE175D10C35785A142804053C36E", true},
		{"deadbeef", true},
		{"beef", false},
		{"alice", false},
		{"00000000", false},
		{"-deadbeef", false},
		{strings.Repeat("f", 40), true},
		{strings.Repeat("f", 41), false}, // more than 20 octets
	} {
		if out, err := unknown(c.arg); (err == nil) != c.serial || len(out) == 1 != c.serial {
			t.Errorf("%s: %v, %v", c.arg, out, err)
		}
	}
}

// A file in the working directory does not make an argument a file: see isFileArg.
func TestIsFileArg(t *testing.T) {
	for arg, want := range map[string]bool{"alice": false, "alice.pem": true, "./alice": true, "/tmp/a": true, "old.crt": true, "hv1.lab.example": false} {
		if isFileArg(arg) != want {
			t.Errorf("%s: %v", arg, !want)
		}
	}
}
