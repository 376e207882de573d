package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// otherFaultCases are the cases of files that do not hold a key: each file must be either the old
// or the new one.
func otherFaultCases() []faults {
	var cases []faults
	for _, c := range []faults{
		{name: "config libvirtd --apply", prepare: prepareRevoked, command: []string{"config", "libvirtd", "--root", "ROOT", "--allow-dn", "O=Example Org,CN=*", "--apply"}},
		{name: "config qemu --apply", prepare: prepareCopies, command: []string{"config", "qemu", "--root", "ROOT", "--apply"}},
		{name: "config client --apply", prepare: prepareConf, command: []string{"config", "client", "--root", "ROOT", "hail=hv1.example", "--apply"}},
		{name: "generate systemd --out", prepare: prepareConf, command: []string{"generate", "systemd", "--binary", "/usr/bin/env", "--out", "ROOT/units"}},
		{name: "generate cron --out", prepare: prepareConf, command: []string{"generate", "cron", "--binary", "/usr/bin/env", "--out", "ROOT/cron/virtpki"}},
		{name: "generate ansible --out", prepare: prepareConf, command: []string{"generate", "ansible", "hv1.example", "--copy", "VIRTPKI", "--out", "ROOT/fleet"}},
		{name: "issuer init", prepare: prepareVault, command: issuerInitCommand},
		{name: "generate cloud-init --out", prepare: prepareBundle, command: []string{"generate", "cloud-init", "hv1.example", "--bundle", "ROOT/out", "--out", "ROOT/user-data"}},
	} {
		c.check, c.again = checkOldOrNew, finishFiles
		cases = append(cases, c)
	}
	return cases
}

// checkOldOrNew checks that each file is, byte for byte, either the old or the new one.
func checkOldOrNew(t *testing.T, at scene) {
	t.Helper()
	for path, text := range snap(t, at.root).withoutLeavings() {
		if text != at.before[path] && text != at.whole[path] {
			t.Errorf("%s is neither the old one nor the new one:\n%s", path, text)
		}
	}
}

// finishFiles checks that the files are exactly those of a run without a fault.
func finishFiles(t *testing.T, at scene, first, second outcome) {
	t.Helper()
	wantDone(t, first, "")
	wantDone(t, second, "nothing to do")
	if diff := at.whole.diff(snap(t, at.root).withoutLeavings()); diff != "" {
		t.Errorf("after two more runs:\n%s", diff)
	}
}

// harmless lists the commands into which no fault is injected, with the reasons.
var harmless = map[string]string{
	"virtpki ca export":          "reads",
	"virtpki ca rollover status": "reads",
	"virtpki ca show":            "reads",
	"virtpki check":              "reads",
	"virtpki crl show":           "reads",
	"virtpki dn lint":            "reads",
	"virtpki dn match":           "reads",
	"virtpki dn show":            "reads",
	"virtpki issuer step":        "reads",
	"virtpki issuer test":        "reads",
	"virtpki issuer vault":       "reads",
	"virtpki list":               "reads",
	"virtpki reload":             "speaks to a daemon, and exchanges what rollback does; see testdata/e2e",
	"virtpki show":               "reads",
	"virtpki template":           "reads",
	"virtpki version":            "reads",
	"virtpki wizard":             "does what ca import, bootstrap, issue and generate do",
}

// Every command that can run must be among the cases, or be known to write nothing.
func TestFaultsKnowEveryCommand(t *testing.T) {
	root := newRoot(newEnv())
	hurt := make(map[string]bool)
	for _, f := range faultCases() {
		cmd, _, err := root.Find(f.command)
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		hurt[cmd.CommandPath()] = true
	}
	seen := make(map[string]bool)
	walkCommands(root, func(cmd *cobra.Command) {
		path := cmd.CommandPath()
		seen[path] = true
		why, known := harmless[path]
		switch {
		case hurt[path] == known:
			t.Errorf("%s: among the cases %v, known to do without %v", path, hurt[path], known)
		case why == "reads" && cmd.Flags().Lookup("dry-run") != nil:
			t.Errorf("%s has --dry-run, so it writes", path)
		}
	})
	for path := range harmless {
		if !seen[path] {
			t.Errorf("%s is no command", path)
		}
	}
}

// walkCommands visits each command that does something.
func walkCommands(cmd *cobra.Command, visit func(*cobra.Command)) {
	if cmd.Runnable() && cmd.HasParent() && !strings.HasPrefix(cmd.Name(), "completion") && cmd.Name() != "help" && !cmd.HasSubCommands() {
		visit(cmd)
	}
	for _, sub := range cmd.Commands() {
		walkCommands(sub, visit)
	}
}
