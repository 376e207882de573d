package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"virtpki/internal/lab/terminal"
)

// must runs virtpki, and fails the test when virtpki fails.
func must(t *testing.T, args ...string) {
	t.Helper()
	if out, err := virtpki(t, args...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
}

// The state can change while sign waits for an answer: a name is revoked or given to another key.
// Then the question no longer showed the truth, and sign must refuse.
func TestSignAfterItAsked(t *testing.T) {
	for _, test := range []struct {
		name      string
		meanwhile []string
		status    int
		want      string
	}{
		{"nothing", nil, exitDone, ""},
		{"another name", []string{"issue", "client", "carol", "--out", "{dir}/out"}, exitDone, ""},
		{"its name is revoked", []string{"revoke", "bob", "--no-reload"}, exitError, `bob" is shut out`},
		{"its name is given to another key", []string{"issue", "client", "dave", "--out", "{dir}/out"}, exitError, `dave`},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			ca, host := "--root="+filepath.Join(dir, "ca"), "--root="+filepath.Join(dir, "host")
			csr, answer := filepath.Join(dir, "bob.csr"), filepath.Join(dir, "bob.pem")
			must(t, ca, "ca", "init", "--name=Example")
			must(t, ca, "issue", "client", "bob", "--out", filepath.Join(dir, "out"))
			name := "bob"
			if strings.Contains(test.want, "dave") {
				name = "dave"
			}
			must(t, host, "request", "client", name, "--out", csr)
			at, err := terminal.Start(virtpki(t, ca, "sign", csr, "--out", answer), 80, 40)
			if err != nil {
				t.Fatal(err)
			}
			defer at.Close()
			if err := at.Expect(regexp.MustCompile(`\[y/N\]`), terminal.Lines); err != nil {
				t.Fatal(err)
			}
			if test.meanwhile != nil {
				must(t, append([]string{ca}, strings.Split(strings.ReplaceAll(strings.Join(test.meanwhile, "\n"), "{dir}", dir), "\n")...)...)
			}
			if err := at.Type("y\n"); err != nil {
				t.Fatal(err)
			}
			status, err := at.Wait()
			if err != nil || status != test.status || !strings.Contains(at.Screen(), test.want) {
				t.Errorf("status %d, %v, want %d and %q\n%s", status, err, test.status, test.want, at.Screen())
			}
			if _, err := os.Stat(answer); (err == nil) != (test.status == exitDone) {
				t.Errorf("the answer: %v", err)
			}
		})
	}
}
