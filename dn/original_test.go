package dn_test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// startOriginal builds and starts the program. It skips the test where a C
// compiler or a library is missing.
func startOriginal(tb testing.TB) *original {
	tb.Helper()
	for _, tool := range []string{"gcc", "pkg-config"} {
		if _, err := exec.LookPath(tool); err != nil {
			tb.Skipf("%s is not installed", tool)
		}
	}
	flags, err := exec.Command("pkg-config", "--cflags", "--libs", "gnutls", "glib-2.0").Output()
	if err != nil {
		tb.Skip("the development files of gnutls and glib-2.0 are not installed")
	}
	binary := filepath.Join(tb.TempDir(), "original")
	args := append([]string{"-O2", "-o", binary, "testdata/original.c"}, strings.Fields(string(flags))...)
	if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		tb.Fatalf("building testdata/original.c: %v\n%s", err, out)
	}
	o := &original{tb: tb, cmd: exec.Command(binary)}
	o.cmd.Stderr = os.Stderr
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

// ask sends one request line and gives the answer.
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

// dn is gnutls_x509_crt_get_dn: the text, or the name of the error.
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
