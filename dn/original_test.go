package dn_test

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// original is the C program of testdata/original.c: the real libraries behind a pipe.
type original struct {
	tb    testing.TB
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	lines int
}

// errMissing is a reason to skip: a tool or a library that is not installed.
type errMissing string

func (e errMissing) Error() string { return string(e) }

// buildOriginal compiles the program once for all tests.
var buildOriginal = sync.OnceValues(func() (string, error) {
	for _, tool := range []string{"gcc", "pkg-config"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", errMissing(tool + " is not installed")
		}
	}
	flags, err := exec.Command("pkg-config", "--cflags", "--libs", "gnutls", "glib-2.0").Output()
	if err != nil {
		return "", errMissing("the development files of gnutls and glib-2.0 are not installed")
	}
	binary := filepath.Join(scratch, "original")
	args := append([]string{"-O2", "-o", binary, "testdata/original.c"}, strings.Fields(string(flags))...)
	if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("building testdata/original.c: %w\n%s", err, out)
	}
	return binary, nil
})

// scratch is a directory that exists as long as the tests run.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "dn"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// originalBinary returns the path of the program, and skips the test if it cannot be built.
func originalBinary(tb testing.TB) string {
	tb.Helper()
	binary, err := buildOriginal()
	var missing errMissing
	if errors.As(err, &missing) {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return binary
}

// startOriginal starts the program.
func startOriginal(tb testing.TB) *original {
	tb.Helper()
	o := &original{tb: tb, cmd: exec.Command(originalBinary(tb))}
	o.cmd.Stderr = os.Stderr
	var err error
	if o.in, err = o.cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	o.out = bufio.NewReader(out)
	if err := o.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		o.in.Close()
		o.cmd.Wait()
	})
	return o
}

// ask sends one request line and returns the answer.
func (o *original) ask(format string, args ...any) string {
	o.tb.Helper()
	line := fmt.Sprintf(format, args...)
	if _, err := io.WriteString(o.in, line+"\n"); err != nil {
		o.tb.Fatalf("asking %q: %v", line, err)
	}
	answer, err := o.out.ReadString('\n')
	if err != nil {
		o.tb.Fatalf("the original ended on %q: %v", line, err)
	}
	if strings.HasPrefix(answer, "Bail out!") {
		o.tb.Fatalf("the original aborts on %q: %s", line, answer)
	}
	o.lines++
	return strings.TrimSuffix(answer, "\n")
}

// dn returns the result of gnutls_x509_crt_get_dn: the text, or the name of the error.
func (o *original) dn(cert []byte) (text, refusal string) {
	o.tb.Helper()
	answer := o.ask("d %x", cert)
	if refusal, ok := strings.CutPrefix(answer, "! "); ok {
		return "", refusal
	}
	b, err := hex.DecodeString(strings.TrimPrefix(answer, "= "))
	if err != nil {
		o.tb.Fatal(err)
	}
	return string(b), ""
}

func (o *original) glob(pattern, name string) bool {
	o.tb.Helper()
	return o.ask("g %s %s", hexed(pattern), hexed(name)) == "1"
}

func (o *original) fnmatch(pattern, name string) bool {
	o.tb.Helper()
	return o.ask("f %s %s", hexed(pattern), hexed(name)) == "0"
}

func hexed(s string) string {
	if s == "" {
		return "-"
	}
	return hex.EncodeToString([]byte(s))
}
