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
		{party{role: "server", program: "libvirtd"}, []judge.Finding{noEntry}, "libvirtd would start, but admit no client", false, false},
		{party{role: "server", program: "libvirtd"}, []judge.Finding{noEntry, refused}, "libvirtd would not start", false, false},
		{party{role: "server", program: "libvirtd"}, []judge.Finding{refused, noEntry}, "libvirtd would not start", false, false},
		{party{role: "server", program: "libvirtd"}, []judge.Finding{hidden}, "as far as you can see, libvirtd would start", true, true},
		{party{role: "server", program: "libvirtd"}, []judge.Finding{hidden, refused}, "libvirtd would not start", false, false},
		{party{role: "server", program: "libvirtd", asked: true}, []judge.Finding{refused}, "libvirtd does not listen for TLS; if it did, it would not start", false, false},
		{party{role: "server", program: "libvirtd", asked: true}, []judge.Finding{noEntry}, "libvirtd does not listen for TLS; if it did, it would admit no client", false, false},
		{party{role: "server", program: "virtproxyd", silent: true}, nil, "virtproxyd would start; it does not listen for TLS", true, false},
		{party{role: "server"}, nil, "libvirtd would start on these files", true, false},
		{party{role: "server"}, []judge.Finding{refused}, "libvirtd would not start on these files", false, false},
		{party{role: "client", program: "virsh"}, nil, "virsh would connect from here", true, false},
		{party{role: "client", program: "virsh"}, []judge.Finding{refused}, "virsh would not connect from here", false, false},
		{party{role: "client"}, []judge.Finding{noEntry}, "virsh would connect with these files, but the server would refuse it", false, false},
		{party{role: "client"}, []judge.Finding{noPair}, "the server would refuse virsh with these files: there is no client certificate", false, false},
		{party{role: "qemu", program: "/etc/pki/qemu"}, nil, "QEMU could use /etc/pki/qemu", true, false},
		{party{role: "qemu", program: "/etc/pki/qemu"}, []judge.Finding{refused}, "QEMU could not use /etc/pki/qemu", false, false},
		{party{role: "ca"}, nil, "the CA is in order", true, false},
		{party{role: "ca"}, []judge.Finding{warning}, "the CA can be used", true, false},
		{party{role: "ca"}, []judge.Finding{refused}, "the CA is not in order", false, false},
	} {
		v := verdict(test.about, test.found)
		if v.Role != test.about.role || v.Says != test.says || v.Works != test.works || v.Unknown != test.unknown {
			t.Errorf("%+v with %v: %+v", test.about, test.found, v)
		}
	}
}

// TestVerdictLine never says ok beside a warning, and takes names, the list and revoked clients
// into account.
func TestVerdictLine(t *testing.T) {
	of := func(id string, level judge.Level) judge.Finding {
		return judge.Finding{ID: id, Level: level, Stage: judge.Host}
	}
	daemon := party{role: "server", program: "libvirtd"}
	for _, test := range []struct {
		about party
		found []judge.Finding
		want  string
	}{
		{daemon, nil, "ok, libvirtd would start"},
		{daemon, []judge.Finding{of("mode", judge.Note)}, "ok, libvirtd would start"},
		{daemon, []judge.Finding{of("key-open", judge.Warning)}, "libvirtd would start"},
		{daemon, []judge.Finding{of("unseen", judge.Note)}, "as far as you can see, libvirtd would start"},
		{daemon, []judge.Finding{of("no-crl", judge.Note)}, "libvirtd would start, but would admit clients that are revoked"},
		{daemon, []judge.Finding{of("name-missing", judge.Warning), of("dn-locks-out", judge.Warning)},
			"libvirtd would start, but would not admit this host's own client; clients that use this host's name would refuse it"},
		{daemon, []judge.Finding{of("nobody-listens", judge.Warning)}, "libvirtd would start, but would not listen for TLS"},
		{daemon, []judge.Finding{of("no-verify", judge.Warning)}, "libvirtd would start, but would admit everybody"},
		{daemon, []judge.Finding{of("ends-soon", judge.Note)}, "ok, libvirtd would start"},
		{daemon, []judge.Finding{of("ends-soon", judge.Error)}, "libvirtd would start, but will not start again once a certificate has expired, within a day"},
		{daemon, []judge.Finding{of("name-missing", judge.Warning), {ID: "cert-expired", Level: judge.Error, Stage: judge.Own}}, "libvirtd would not start"},
		{party{role: "server", program: "libvirtd", silent: true}, []judge.Finding{of("no-verify", judge.Warning)}, "libvirtd would start; it does not listen for TLS"},
		{party{role: "client", program: "virsh"}, []judge.Finding{of("no-crl", judge.Note)}, "ok, virsh would connect from here"},
		{party{role: "qemu", program: "/etc/pki/qemu"}, []judge.Finding{of("name-missing", judge.Warning)}, "QEMU could use /etc/pki/qemu, but clients that connect to this host would refuse it"},
		{party{role: "ca"}, []judge.Finding{of("weak-key", judge.Warning)}, "the CA can be used"},
	} {
		if got := verdict(test.about, test.found).line(); got != test.want {
			t.Errorf("%+v with %v: %q, want %q", test.about, test.found, got, test.want)
		}
	}
}
