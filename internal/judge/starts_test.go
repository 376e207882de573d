package judge

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// startScript starts libvirtd on each set in turn and kills it as soon as its TLS port listens:
// libvirtd reads the files before.
const startScript = `
for i in $(seq 0 $(($1 - 1))); do
	rm -f /etc/pki/CA/cacert.pem /etc/pki/CA/cacrl.pem /etc/pki/libvirt/servercert.pem /etc/pki/libvirt/private/serverkey.pem
	cd /root/starts/$i
	cp -r cacert.pem cacrl.pem /etc/pki/CA/ 2>/dev/null
	cp -r servercert.pem /etc/pki/libvirt/ 2>/dev/null
	cp -r serverkey.pem /etc/pki/libvirt/private/ 2>/dev/null
	libvirtd --listen >/root/log 2>&1 &
	pid=$!
	for try in $(seq 600); do
		if ! kill -0 $pid 2>/dev/null; then
			echo "START $i refused $(grep 'error :' /root/log | tail -1)"
			break
		elif grep -q ':4082 .* 0A ' /proc/net/tcp /proc/net/tcp6; then
			echo "START $i started"
			break
		fi
		sleep 0.05
	done
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null || true
done
`

func TestStartsOnReleases(t *testing.T) {
	onReleases(t, func(t *testing.T, h *labHost) {
		n, seed := amount(t, 8)
		g := newGenerator(seed, time.Now())
		folder := t.TempDir()
		sets := make([]Set, n)
		for i := range sets {
			sets[i] = g.set(Server)
			writeSet(t, filepath.Join(folder, strconv.Itoa(i)), sets[i])
		}
		if err := h.Put(t.Context(), folder, "/root/starts"); err != nil {
			t.Fatal(err)
		}
		out, err := h.Output(t.Context(), "sh", "-c", "mkdir -p /etc/pki/CA /etc/pki/libvirt/private\n"+startScript, "sh", strconv.Itoa(n))
		if err != nil {
			t.Fatal(err)
		}
		answers, wrong := 0, 0
		for line := range strings.Lines(string(out)) {
			fields := strings.SplitN(strings.TrimSpace(line), " ", 4)
			if fields[0] != "START" || len(fields) < 3 {
				continue
			}
			answers++
			i, _ := strconv.Atoi(fields[1])
			said := OwnFiles(sets[i], h.libvirt(), time.Now())
			if (fields[2] == "started") == Refused(said) {
				wrong++
				t.Errorf("%s%s", line, findingLines(said))
			}
		}
		if answers != n {
			t.Errorf("%d answers for %d sets:\n%s", answers, n, out)
		}
		t.Logf("libvirtd of %s was started on %d sets, %d disagreements", h.libvirt(), n, wrong)
	}, noPackages)
}
