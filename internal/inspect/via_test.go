package inspect

import (
	"os"
	"path/filepath"
	"testing"

	"virtpki/internal/machine"
)

// The command by which the timer asks the CA is the one that systemd would run.
func TestVia(t *testing.T) {
	for name, test := range map[string]struct{ unit, want string }{
		"no service":        {"", ""},
		"the CA's own host": {"[Service]\nExecStart=/usr/bin/virtpki renew --quiet\n", ""},
		"in quotes":         {"[Service]\nExecStart=/usr/bin/virtpki renew --via 'ssh ca virtpki sign - --yes' --quiet\n", "ssh ca virtpki sign - --yes"},
		"with =":            {"[Service]\nExecStart=/usr/bin/virtpki renew \"--via=ssh ca virtpki sign -\"\n", "ssh ca virtpki sign -"},
		"without a value":   {"[Service]\nExecStart=/usr/bin/virtpki renew --via\n", ""},
		"another program":   {"[Service]\nExecStart=/usr/bin/other --via 'ssh ca'\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			path := filepath.Join(root, "/etc/systemd/system", renewService)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if test.unit != "" {
				if err := os.WriteFile(path, []byte(test.unit), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got := viaOf(&machine.Machine{Root: root, Sysconfdir: "/etc"}); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
