package judge

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// identities adds further pairs to a client's set, most of them sound. Sometimes it removes the
// plain pair, or leaves out a number.
func (g *generator) identities() Set {
	t := g.trust()
	s := g.setIn(Client, t)
	for range g.IntN(4) {
		more := g.setIn(Client, t)
		s.More = append(s.More, Identity{more.Cert, more.Key})
	}
	if g.chance(0.1) && len(s.More) > 0 {
		i := g.IntN(len(s.More))
		s.More[i] = Identity{missing("clientcert.pem"), missing("clientkey.pem")}
	}
	if g.chance(0.2) {
		s.Cert, s.Key = missing("clientcert.pem"), missing("clientkey.pem")
	}
	return s
}

// TestIdentitiesOnReleases: 12.8 reads the numbered pairs, older releases do not.
func TestIdentitiesOnReleases(t *testing.T) {
	onReleases(t, func(t *testing.T, h *labHost) {
		n, seed := amount(t, 60)
		g := newGenerator(seed, time.Now())
		g.odd /= 2
		folder := t.TempDir()
		sets := make([]Set, n)
		for i := range sets {
			sets[i] = g.identities()
			dir := filepath.Join(folder, strconv.Itoa(i))
			writeSet(t, dir, sets[i])
			for k, more := range sets[i].More {
				if !more.Cert.Absent() {
					writeFile(t, filepath.Join(dir, fmt.Sprintf("clientcert%d.pem", k)), more.Cert.Data)
				}
				if !more.Key.Absent() {
					writeFile(t, filepath.Join(dir, fmt.Sprintf("clientkey%d.pem", k)), more.Key.Data)
				}
			}
		}
		if err := h.Put(t.Context(), folder, "/root/more"); err != nil {
			t.Fatal(err)
		}
		script := virshScript(n, func(i int) string { return fmt.Sprintf("test+tls://127.0.0.1:1/default?pkipath=/root/more/%d", i) })
		texts := askVirsh(t, h.Command(t.Context(), "virsh", "-q", "-c", "test:///default"), script, n)
		accepted, wrong := 0, 0
		for i, s := range sets {
			said := OwnFiles(s, h.libvirt(), time.Now())
			if refusedConnection(texts[i]) {
				accepted++
			}
			if Refused(said) == refusedConnection(texts[i]) {
				wrong++
				t.Errorf("set %d with %d more: virsh says %q\n%s", i, len(s.More), texts[i], findingLines(said))
			}
		}
		t.Logf("%d sets for %s: %d accepted, %d disagreements", n, h.libvirt(), accepted, wrong)
	}, noPackages)
}
