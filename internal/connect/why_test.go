package connect

import (
	"strings"
	"testing"

	"virtpki/internal/libvirt"
)

// The name of a host comes from an inventory or from a hypervisor, and a fix is typed into a shell.
func TestWhoAnswersQuotesTheHost(t *testing.T) {
	for _, c := range []struct{ host, head, want string }{
		{"hv1", "RFB 003.008", "virtpki check --connect vnc://hv1:16514"},
		{"hv1", "NBDMAGIC", "virtpki check --connect nbds://hv1:16514"},
		{"hv1", "SSH-2.0", "qemu+ssh://hv1/system connects by SSH"},
		{"fd00::1%$(id)", "RFB 003.008", "virtpki check --connect 'vnc://[fd00::1%$(id)]:16514'"},
		{"hv1;id", "NBDMAGIC", "virtpki check --connect 'nbds://hv1;id:16514'"},
		{"hv1`id`", "SSH-2.0", "'qemu+ssh://hv1`id`/system' connects by SSH"},
	} {
		run := &connection{uri: &libvirt.RemoteURI{Host: c.host, Port: libvirt.TLSPort}}
		if _, fix := run.whoAnswers([]byte(c.head)); !strings.HasPrefix(fix, c.want) {
			t.Errorf("%s, %s: %s, want %s", c.host, c.head, fix, c.want)
		}
	}
}
