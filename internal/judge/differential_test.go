package judge

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"virtpki/internal/libvirt"
)

// The tests give many sets to a real virsh in one process. virsh reads its own files before it
// finds that no server listens. A set with which it gets so far is accepted.

func writeSet(t testing.TB, dir string, s Set) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	names := map[Role]string{Client: "client", Server: "server"}
	files := map[string]File{"cacert.pem": s.CA, "cacrl.pem": s.CRL, names[s.Role] + "cert.pem": s.Cert, names[s.Role] + "key.pem": s.Key}
	for name, f := range files {
		path := filepath.Join(dir, name)
		switch {
		case f.Absent():
		case f.Err != nil: // a file that cannot be read is a directory here
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
		default:
			writeFile(t, path, f.Data)
		}
	}
}

// virshScript connects to each of n directories, and prints a mark before the output for each.
func virshScript(n int, uri func(i int) string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "echo --err MARK-%d\nconnect %s\n", i, uri(i))
	}
	return b.String()
}

var markLine = regexp.MustCompile(`MARK-(\d+)$`)

// answers splits virsh's output at the marks into error texts.
func answers(out []byte, n int) []string {
	texts := make([]string, n)
	at := -1
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if m := markLine.FindStringSubmatch(line); m != nil {
			if strings.Contains(line, "echo --err") {
				continue
			}
			at, _ = strconv.Atoi(m[1])
		} else if at >= 0 && strings.Contains(line, "error:") && !strings.Contains(line, "failed to connect") {
			texts[at] = strings.TrimSpace(line[strings.Index(line, "error:")+6:])
		}
	}
	return texts
}

func askVirsh(t testing.TB, cmd *exec.Cmd, script string, n int) []string {
	t.Helper()
	cmd.Stdin = strings.NewReader(script)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	texts := answers(out.Bytes(), n)
	for i, text := range texts {
		if text == "" {
			tail := out.Bytes()[max(0, out.Len()-2000):]
			t.Fatalf("virsh has no answer for set %d (%v):\n%s", i, err, tail)
		}
	}
	return texts
}

func refusedConnection(text string) bool {
	return strings.Contains(text, "unable to connect to server")
}

func compareClients(t *testing.T, sets []Set, texts []string, target libvirt.Release, now time.Time) {
	t.Helper()
	accepted, wrong := 0, 0
	for i, s := range sets {
		findings := OwnFiles(s, target, now)
		got, want := !Refused(findings), refusedConnection(texts[i])
		if want {
			accepted++
		}
		if got != want || !want && !sameReason(texts[i], findings) {
			if wrong++; wrong <= 3 || wrong <= 40 && testing.Verbose() {
				t.Errorf("set %d: the judge says %v, virsh says %q\n%s", i, got, texts[i], findingLines(findings))
			}
			if os.Getenv("VIRTPKI_DESCRIBE") != "" {
				t.Log(describe(s))
			}
		}
	}
	t.Logf("%d sets for %s: %d accepted, %d refused, %d disagreements", len(sets), target, accepted, len(sets)-accepted, wrong)
	if wrong > 5 {
		t.Errorf("%d disagreements in all", wrong)
	}
	if accepted < len(sets)/10 || accepted > len(sets)*9/10 {
		t.Errorf("%d of %d accepted: the generator is lopsided", accepted, len(sets))
	}
}

func findingLines(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "  %s %s %s: %s %v\n", f.Level, f.ID, f.File, f.Text, f.Releases)
	}
	return b.String()
}

// reasons pairs texts that libvirt prints with the ids of the first error.
var reasons = []struct {
	text *regexp.Regexp
	ids  string
}{
	{regexp.MustCompile(`The CA certificate .* has expired`), "ca-expired"},
	{regexp.MustCompile(`The (client|server) certificate .* has expired`), "cert-expired"},
	{regexp.MustCompile(`The CA certificate .* is not yet active`), "ca-future"},
	{regexp.MustCompile(`The (client|server) certificate .* is not yet active`), "cert-future"},
	{regexp.MustCompile(`basic constraints show a CA`), "cert-is-ca"},
	{regexp.MustCompile(`basic constraints do not show a CA`), "ca-not-ca"},
	{regexp.MustCompile(`missing basic constraints for a CA`), "ca-no-constraints"},
	{regexp.MustCompile(`does not permit certificate signing`), "ca-usage"},
	{regexp.MustCompile(`does not permit digital signature`), "cert-usage-signature"},
	{regexp.MustCompile(`does not permit key encipherment`), "cert-usage-encipherment"},
	{regexp.MustCompile(`purpose does not allow`), "cert-purpose cert-purpose-any"},
	{regexp.MustCompile(`Unable to query certificate .* key usage`), "cert-usage-broken ca-usage-broken"},
	{regexp.MustCompile(`Unable to query certificate .* basic constraints`), "cert-constraints-broken ca-constraints-broken"},
	{regexp.MustCompile(`Unable to query certificate .* key purpose`), "cert-purpose-broken"},
	{regexp.MustCompile(`hasn't got a known issuer`), "issuer-missing issuer-too-late issuer-in-cert-file issuer-other-key"},
	{regexp.MustCompile(`uses an insecure algorithm`), "signature-insecure"},
	{regexp.MustCompile(`is not trusted`), "issuer-not-ca issuer-usage name-constraints path-length signature-wrong signature-unknown extension-unknown"},
	{regexp.MustCompile(`Unable to import (client|server) certificate|Unable to import certificate list .*/(client|server)cert`), "cert-not-pem cert-broken"},
	{regexp.MustCompile(`Unable to import CA certificate list|Unable to import certificate list .*/cacert`), "ca-not-pem ca-broken"},
	{regexp.MustCompile(`Unable to set x509 CA certificate`), "ca-broken"},
	{regexp.MustCompile(`Unable to set x509 certificate revocation list`), "crl-not-pem crl-broken crl-unreadable"},
	{regexp.MustCompile(`Unable to set x509 key and certificate`), "key-broken key-encrypted key-mismatch key-type-unknown cert-broken key-unreadable"},
	{regexp.MustCompile(`Cannot read CA certificate|CA certificate .* does not exist`), "ca-missing"},
	{regexp.MustCompile(`Cannot read certificate`), "cert-missing"},
	{regexp.MustCompile(`Cannot read private key`), "key-missing"},
	{regexp.MustCompile(`Is a directory`), "cert-unreadable ca-unreadable"},
	{regexp.MustCompile(`Value too large`), "cert-too-large ca-too-large"},
	{regexp.MustCompile(`does not exist, but`), "pair-half"},
}

func sameReason(text string, findings []Finding) bool {
	for _, f := range findings {
		if f.Level != Error {
			continue
		}
		for _, r := range reasons {
			if r.text.MatchString(text) {
				return strings.Contains(" "+r.ids+" ", " "+f.ID+" ")
			}
		}
		return false
	}
	return false
}

// needs skips a test if a program is missing; CI does not allow skipped tests.
func needs(t testing.TB, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
}

func TestClientsAgainstVirsh(t *testing.T) {
	needs(t, "virsh", "dpkg-query")
	n, seed := amount(t, 300)
	g := newGenerator(seed, time.Now())
	root := t.TempDir()
	sets := clientSets(t, g, n, root)
	n = len(sets)
	target := installedLibvirt(t)
	texts := askVirsh(t, exec.Command("virsh", "-q", "-c", "test:///default"), pkipathScript(root, n), n)
	compareClients(t, sets, texts, target, time.Now())
}

// clientSets makes n random sets, and those of the findings, as sets of a client.
func clientSets(t testing.TB, g *generator, n int, root string) []Set {
	var sets []Set
	for range n {
		sets = append(sets, g.set(Client))
	}
	for _, c := range findingCases {
		s := c.set(newBench())
		s.Role, s.Product = Client, "libvirt"
		sets = append(sets, s)
	}
	for i, s := range sets {
		writeSet(t, filepath.Join(root, strconv.Itoa(i)), s)
	}
	return sets
}

func installedLibvirt(t testing.TB) libvirt.Release {
	t.Helper()
	targets, err := libvirt.InstalledReleases(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return targets[0]
}

// amount is how many sets a test tries, and its seed: VIRTPKI_SETS and
// VIRTPKI_SEED change them.
func amount(t testing.TB, usual int) (n int, seed uint64) {
	t.Helper()
	n, seed = usual, uint64(time.Now().UnixNano())
	if text := os.Getenv("VIRTPKI_SETS"); text != "" {
		if _, err := fmt.Sscan(text, &n); err != nil {
			t.Fatal(err)
		}
	}
	if text := os.Getenv("VIRTPKI_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d sets, VIRTPKI_SEED=%d", n, seed)
	return n, seed
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
