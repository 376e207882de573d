package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"virtpki/internal/inspect"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
)

// TestInspect checks the report that other commands get on the files.
func TestInspect(t *testing.T) {
	root := t.TempDir()
	e := newEnv()
	e.stdout, e.stderr = io.Discard, io.Discard
	if status := run(t.Context(), e, []string{"bootstrap", "--root", root, "--name", "Example Org", "--hostname", "hv1", "-q"}); status != 0 {
		t.Fatalf("bootstrap: exit status %d", status)
	}
	g := &globals{Machine: machine.New()}
	g.Root, g.Sysconfdir = root, "/etc"
	judged := func(roles ...judge.Role) ([]judge.Finding, error) {
		report, err := inspect.Run(t.Context(), g.Machine, inspect.Request{Roles: roles, For: []libvirt.Release{{}}})
		if err != nil {
			return nil, err
		}
		return report.Findings(), nil
	}
	if found, err := judged(); err != nil || len(found) > 0 {
		t.Fatalf("a new tree: %v, %v", found, err)
	}
	if err := os.Remove(filepath.Join(root, "etc/pki/libvirt/private/serverkey.pem")); err != nil {
		t.Fatal(err)
	}
	found, err := judged(judge.Server)
	if err != nil || !judge.Refused(found) || found[0].ID != "half-pair" || !strings.HasPrefix(found[0].Fix, "virtpki --root "+root) {
		t.Errorf("without its key: %+v, %v", found, err)
	}
	if found, err := judged(judge.Client); err != nil || judge.Refused(found) {
		t.Errorf("its client: %+v, %v", found, err)
	}
}
