package judge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"virtpki/internal/gnutls"
	"virtpki/internal/libvirt"
)

// A single QEMU without a machine makes a tls-creds-x509 object of each set.

func writeQEMUSet(t testing.TB, dir string, s Set) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	dh, err := os.ReadFile(filepath.Join("testdata", "dh-params.pem")) // QEMU before 10 would make its own, which takes half a second
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "dh-params.pem"), dh)
	role := string(s.Role)
	for name, f := range map[string]File{"ca-cert.pem": s.CA, "ca-crl.pem": s.CRL, role + "-cert.pem": s.Cert, role + "-key.pem": s.Key} {
		if f.Err == nil && !f.Absent() {
			writeFile(t, filepath.Join(dir, name), f.Data)
		}
	}
}

// qmp requests an object for each set; before QEMU 6.0 its properties stand apart.
func qmp(sets []Set, old bool) []byte {
	var b bytes.Buffer
	b.WriteString(`{"execute":"qmp_capabilities"}` + "\n")
	for i, s := range sets {
		props := fmt.Sprintf(`"dir":"/root/sets/%d","endpoint":"%s","verify-peer":true`, i, s.Role)
		if old {
			props = `"props":{` + props + "}"
		}
		fmt.Fprintf(&b, `{"execute":"object-add","id":%d,"arguments":{"qom-type":"tls-creds-x509","id":"t%d",%s}}`+"\n", i, i, props)
	}
	b.WriteString(`{"execute":"quit"}` + "\n")
	return b.Bytes()
}

type qmpAnswer struct {
	ID    *int
	Error *struct{ Desc string }
}

func TestQEMUOnReleases(t *testing.T) {
	onReleases(t, func(t *testing.T, h *labHost) {
		target := h.targets[len(h.targets)-1]
		if target.Product != "qemu" {
			t.Fatalf("no QEMU on %s: %v", h.Name, h.targets)
		}
		n, seed := amount(t, 100)
		g := newGenerator(seed, time.Now())
		folder := t.TempDir()
		sets := qemuSets(g, n)
		for i := range sets {
			writeQEMUSet(t, filepath.Join(folder, strconv.Itoa(i)), sets[i])
		}
		if err := h.Put(t.Context(), folder, "/root/sets"); err != nil {
			t.Fatal(err)
		}
		h.compareQEMU(t, sets, target)
	}, qemuPackages)
}

func qemuSets(g *generator, n int) []Set {
	var sets []Set
	for range n {
		s := g.set(pick(g, Server, Client))
		s.Product = "qemu"
		sets = append(sets, s)
	}
	for _, c := range findingCases {
		s := c.set(newBench())
		s.Product = "qemu"
		// The GnuTLS of the host decides here, not the one that a case names.
		if !strings.HasSuffix(c.id, "-unreadable") && s.GnuTLS == (gnutls.Library{}) {
			sets = append(sets, s)
		}
	}
	return sets
}

func (h *labHost) compareQEMU(t *testing.T, sets []Set, target libvirt.Release) {
	t.Helper()
	cmd := h.Command(t.Context(), "qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display", "none", "-qmp", "stdio")
	cmd.Stdin = bytes.NewReader(qmp(sets, target.Major < 6))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	answers := map[int]string{}
	for line := range strings.Lines(string(out)) {
		var a qmpAnswer
		if json.Unmarshal([]byte(line), &a) == nil && a.ID != nil {
			answers[*a.ID] = "taken"
			if a.Error != nil {
				answers[*a.ID] = a.Error.Desc
			}
		}
	}
	if len(answers) != len(sets) {
		t.Fatalf("%d answers for %d sets: %v\n%s%s", len(answers), len(sets), err, stderr.String(), out[max(0, len(out)-500):])
	}
	accepted, wrong := 0, 0
	for i, s := range sets {
		said := OwnFiles(s, target, time.Now())
		if answers[i] == "taken" {
			accepted++
		}
		if (answers[i] == "taken") == Refused(said) {
			wrong++
			t.Errorf("%d (%s): QEMU says %q\n%s", i, s.Role, answers[i], findingLines(said))
		}
	}
	t.Logf("%d sets for %s: %d taken, %d disagreements", len(sets), target, accepted, wrong)
}
