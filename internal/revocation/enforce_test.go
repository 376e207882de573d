package revocation

import (
	"strings"
	"testing"

	"virtpki/internal/authority"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/running"
)

// A daemon in a container names a path for its CRL that is not a path of this machine: the CRL
// is not written there, even if something exists at that path.
func TestEnforceWritesIntoNoContainer(t *testing.T) {
	n := enforcement{publication: &publication{a: &authority.Authority{Layout: libvirt.CA("/etc/pki/CA")}}}
	d := running.Daemon{Root: "/proc/4242/root"}
	d.Files.CRL, d.Files.Custom = "/etc/shadow", true
	err := n.at(t.Context(), d)
	if err == nil || !strings.Contains(err.Error(), "in its own file system, which virtpki does not write to") {
		t.Errorf("%v, want a refusal", err)
	}
}
