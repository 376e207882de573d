package conf

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pieces are the parts of random files: every byte and every combination that the grammar
// treats in its own way, and some others.
var pieces = []string{
	"a", "B", "x_1", "listen_tls", "_", "9", "é", ".", "-", "+", "--",
	"=", "=", " = ", " = ", " = ", "0", "1", "-1", "+5", "007", "18446744073709551617", "0x1", "1.5",
	`"`, `'`, `"""`, `""`, `"a"`, `'b'`, `"""c"""`, "\"\"\"d\ne\"\"\"", `\`, `"\"`,
	"[", "]", ",", ", ", "[]", "[ ", " ]", "[\"a\", 'b']", "[\n\"a\",\n]",
	"#", "# c", "#a = 1", ";", "; ", "\n", "\n", "\n", "\r\n", "\r", "\n\n", " ", "\t", "  ",
	"\x00", "\f", "\v", "\xff", "\ufeff", "\u00a0",
	"\na = 1", "\nb = \"x\"", "\nc = [1, 2]\n", "\nx = [ [], 'a' ]",
}

// randomFile returns a file that is mostly, but not always, almost correct.
func randomFile(r *rand.Rand) []byte {
	var b bytes.Buffer
	if r.IntN(4) > 0 {
		forms := [][]form{acceptedForms, refusedForms}[r.IntN(2)]
		b.WriteString(forms[r.IntN(len(forms))].conf)
	}
	for range r.IntN(6) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	src := b.Bytes()
	for range r.IntN(2) {
		if len(src) > 0 {
			i := r.IntN(len(src))
			piece := pieces[r.IntN(len(pieces))]
			src = slices.Replace(src, i, min(len(src), i+r.IntN(3)), []byte(piece)...)
		}
	}
	return src
}

// TestParseAgreesWithLibvirt compares with libvirt.so's own parser, the one that the daemons
// use. Both read the same files. The verdict, the words, the line, and every entry in order
// with its type and its value must be the same.
func TestParseAgreesWithLibvirt(t *testing.T) {
	reader := buildReader(t)
	r := rand.New(rand.NewPCG(1, 2))
	var srcs [][]byte
	for _, f := range slices.Concat(acceptedForms, refusedForms, shownForms) {
		srcs = append(srcs, []byte(f.conf))
	}
	for range 30000 {
		srcs = append(srcs, randomFile(r))
	}
	accepted := 0
	for i, want := range readAll(t, reader, srcs) {
		if strings.HasSuffix(want, "numeric overflow in conf value") {
			continue // newer than the grammar that we follow
		}
		if got := readerLine(srcs[i], want); got != want {
			t.Errorf("%q:\ngot  %s\nwant %s", srcs[i], got, want)
		}
		if strings.HasPrefix(want, "ok") {
			accepted++
		}
	}
	t.Logf("%d files, %d of them accepted", len(srcs), accepted)
	if accepted < len(srcs)/10 || accepted > len(srcs)*9/10 {
		t.Errorf("%d of %d files accepted: too one-sided to tell much", accepted, len(srcs))
	}
}

// buildReader compiles testdata/readconf.c.
func buildReader(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skipf("no C compiler: %v", err)
	}
	reader := filepath.Join(t.TempDir(), "readconf")
	out, err := exec.Command("cc", "-o", reader, "testdata/readconf.c", "-ldl").CombinedOutput()
	if err != nil {
		t.Fatalf("compiling readconf.c: %v\n%s", err, out)
	}
	if out, err := exec.Command(reader).CombinedOutput(); err != nil {
		t.Skipf("libvirt.so.0 cannot be used: %v\n%s", err, out)
	}
	return reader
}

// readAll returns one line for each source, with messages in clear.
func readAll(t *testing.T, reader string, srcs [][]byte) []string {
	t.Helper()
	var in bytes.Buffer
	for _, src := range srcs {
		in.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(src))))
		in.Write(src)
	}
	cmd := exec.Command(reader)
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("readconf: %v", err)
	}
	var lines []string
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		lines = append(lines, clearMessage(t, s.Text()))
	}
	if len(lines) != len(srcs) {
		t.Fatalf("readconf: %d answers to %d files", len(lines), len(srcs))
	}
	return lines
}

// clearMessage turns "error HEX" into "error LINE: WORDS".
func clearMessage(t *testing.T, line string) string {
	t.Helper()
	code, ok := strings.CutPrefix(line, "error ")
	if !ok {
		return line
	}
	msg, err := hex.DecodeString(code)
	if err != nil {
		t.Fatalf("readconf: %q: %v", line, err)
	}
	// configuration file syntax error: /proc/self/fd/3:2: expecting a name
	_, place, _ := strings.Cut(string(msg), "/fd/")
	_, place, _ = strings.Cut(place, ":")
	return "error " + place
}

// readerLine returns the line that readAll would give for src. Of an error's message it takes
// only as much as want has: ours may go on with a remark.
func readerLine(src []byte, want string) string {
	c, err := Parse(src)
	var ce *Error
	if errors.As(err, &ce) {
		line := fmt.Sprintf("error %d: %s", ce.Line, ce.Msg)
		if words, ok := strings.CutPrefix(line, want); ok && (words == "" || strings.HasPrefix(words, " (")) {
			return want
		}
		return line
	}
	var b strings.Builder
	b.WriteString("ok")
	for _, e := range c.entries {
		fmt.Fprintf(&b, " %x=", e.name)
		writeReaderValue(&b, e.value)
	}
	return b.String()
}

func writeReaderValue(b *strings.Builder, v Value) {
	switch v.kind {
	case KindInt:
		b.WriteByte(map[bool]byte{true: 'l', false: 'u'}[v.minus])
		fmt.Fprint(b, v.num)
	case KindString:
		fmt.Fprintf(b, "s%x", v.str)
	case KindList:
		b.WriteByte('[')
		for _, it := range v.items {
			writeReaderValue(b, it)
			b.WriteByte(',')
		}
		b.WriteByte(']')
	}
}
