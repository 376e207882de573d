package revocation

import (
	"strings"
	"testing"

	"virtpki/internal/authority"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/running"
)

// What a daemon in a container says where its CRL lies is no path of this machine's: a
// list is not written there, whatever stands there.
func TestEnforceWritesIntoNoContainer(t *testing.T) {
	n := enforcement{publication: &publication{a: &authority.Authority{Layout: libvirt.CA("/etc/pki/CA")}}}
	d := running.Daemon{Root: "/proc/4242/root"}
	d.Files.CRL, d.Files.Custom = "/etc/shadow", true
	err := n.at(t.Context(), d)
	if err == nil || !strings.Contains(err.Error(), "a file system of its own, where nothing is written") {
		t.Errorf("%v, want a refusal", err)
	}
}
