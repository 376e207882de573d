package judge

import (
	"encoding/pem"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// TestChangedBytesAgainstVirsh changes one byte of a certificate, a CA or a CRL. The judge and
// GnuTLS have to agree on whether the file can still be read. The test leaves the length of an
// explicit tag alone: libtasn1 does not look at it, the judge does.
func TestChangedBytesAgainstVirsh(t *testing.T) {
	needs(t, "virsh", "dpkg-query")
	n, seed := amount(t, 200)
	g := newGenerator(seed, time.Now())
	g.odd = 0
	root := t.TempDir()
	sets, changes := make([]Set, n), make([]string, n)
	for i := range sets {
		sets[i] = g.set(Client)
		files := []*File{&sets[i].CA, &sets[i].Cert}
		if !sets[i].CRL.Absent() {
			files = append(files, &sets[i].CRL, &sets[i].CRL)
		}
		f := pick(g, files...)
		block, _ := pem.Decode(f.Data)
		at := g.IntN(len(block.Bytes))
		for at > 0 && (block.Bytes[at-1] == 0xa0 || block.Bytes[at-1] == 0xa3) {
			at--
		}
		before := block.Bytes[at]
		block.Bytes[at] = pick(g, block.Bytes[at]^1<<g.IntN(8), byte(g.IntN(256)))
		f.Data = pem.EncodeToMemory(block)
		changes[i] = fmt.Sprintf("%s byte %d of %d: %02x to %02x in %x", f.Path, at, len(block.Bytes), before, block.Bytes[at], block.Bytes[max(0, at-12):min(at+12, len(block.Bytes))])
		writeSet(t, filepath.Join(root, strconv.Itoa(i)), sets[i])
	}
	script := virshScript(n, func(i int) string {
		return fmt.Sprintf("test+tls://127.0.0.1:1/default?pkipath=%s/%d", root, i)
	})
	texts := askVirsh(t, exec.Command("virsh", "-q", "-c", "test:///default"), script, n)
	wrong, target := 0, installedLibvirt(t)
	for i, s := range sets {
		said := OwnFiles(s, target, time.Now())
		if Refused(said) == refusedConnection(texts[i]) {
			wrong++
			t.Errorf("set %d: %s: virsh says %q\n%s", i, changes[i], texts[i], findingLines(said))
		}
	}
	t.Logf("%d sets, %d disagreements", n, wrong)
}
