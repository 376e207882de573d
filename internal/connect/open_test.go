package connect

import (
	"strings"
	"testing"
)

// TestFixOpen has the words of libvirtd and of virtproxyd 11.3 for drivers that do not open.
func TestFixOpen(t *testing.T) {
	for said, want := range map[string]string{
		`opening "qemu:///system": Failed to connect socket to '/var/run/libvirt/virtqemud-sock': No such file or directory`: "systemctl enable --now virtqemud.socket",
		`opening "lxc:///system": Failed to connect socket to '/run/libvirt/virtlxcd-sock-ro': Connection refused`:           "systemctl enable --now virtlxcd.socket",
		`opening "test:///default": this function is not supported by the connection driver: virConnectSetIdentity`:          "virtproxyd there does not open test:///default",
		`opening "bhyve:///system": no connection driver available for bhyve:///system`:                                      "test:///default is almost always available",
		`virt;reboot;d-sock`: "test:///default is almost always available",
	} {
		if got := fixOpen(said); !strings.HasPrefix(got, "TLS works; this is about the driver: ") || !strings.Contains(got, want) {
			t.Errorf("%s:\n%s, want %s", said, got, want)
		}
	}
}
