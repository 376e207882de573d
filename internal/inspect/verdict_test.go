package inspect

import (
	"testing"

	"virtpki/internal/judge"
)

func TestVerdict(t *testing.T) {
	refused := judge.Finding{ID: "cert-expired", Level: judge.Error, Stage: judge.Own}
	noEntry := judge.Finding{ID: "issuer-missing", Level: judge.Error, Stage: judge.Session}
	warning := judge.Finding{ID: "weak-key", Level: judge.Warning, Stage: judge.Host}
	lastDay := judge.Finding{ID: "ends-soon", Level: judge.Error, Stage: judge.Host}
	hidden := judge.Finding{ID: "unseen", Level: judge.Note, Stage: judge.Places}
	noPair := judge.Finding{ID: "no-client-pair", Level: judge.Note, Stage: judge.Places}
	for _, test := range []struct {
		about   party
		found   []judge.Finding
		says    string
		works   bool
		unknown bool
	}{
		{party{role: "server", program: "libvirtd"}, nil, "libvirtd would start", true, false},
		{party{role: "server", program: "libvirtd"}, []judge.Finding{warning, lastDay}, "libvirtd would start", true, false},
		{party{role: "server", program: "libvirtd"}, []judge.Finding{refused}, "libvirtd would not start", false, false},
		{party{role: "server", program: "libvirtd"}, []judge.Finding{noEntry}, "libvirtd would start, and no client would get in", false, false},
		{party{role: "server", program: "libvirtd"}, []judge.Finding{noEntry, refused}, "libvirtd would not start", false, false},
		{party{role: "server", program: "libvirtd"}, []judge.Finding{refused, noEntry}, "libvirtd would not start", false, false},
		{party{role: "server", program: "libvirtd"}, []judge.Finding{hidden}, "as far as you may see, libvirtd would start", true, true},
		{party{role: "server", program: "libvirtd"}, []judge.Finding{hidden, refused}, "libvirtd would not start", false, false},
		{party{role: "server", program: "virtproxyd", silent: true}, nil, "virtproxyd would start; it does not listen for TLS", true, false},
		{party{role: "server"}, nil, "libvirtd would start on these files", true, false},
		{party{role: "server"}, []judge.Finding{refused}, "libvirtd would not start on these files", false, false},
		{party{role: "client", program: "virsh"}, nil, "virsh would connect from here", true, false},
		{party{role: "client", program: "virsh"}, []judge.Finding{refused}, "virsh would not connect from here", false, false},
		{party{role: "client"}, []judge.Finding{noEntry}, "virsh would connect with these files, and be refused", false, false},
		{party{role: "client"}, []judge.Finding{noPair}, "virsh would be refused with these files: there is no client certificate", false, false},
		{party{role: "qemu", program: "/etc/pki/qemu"}, nil, "QEMU could use /etc/pki/qemu", true, false},
		{party{role: "qemu", program: "/etc/pki/qemu"}, []judge.Finding{refused}, "QEMU could not use /etc/pki/qemu", false, false},
		{party{role: "ca"}, nil, "the CA is in order", true, false},
		{party{role: "ca"}, []judge.Finding{refused}, "the CA is not in order", false, false},
	} {
		v := verdict(test.about, test.found)
		if v.Role != test.about.role || v.Says != test.says || v.Works != test.works || v.Unknown != test.unknown {
			t.Errorf("%+v with %v: %+v", test.about, test.found, v)
		}
	}
}
