package judge

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
)

// startScript starts libvirtd on each set in turn and kills it as soon as its TLS port listens:
// libvirtd reads the files before.
const startScript = `
for i in $(seq 0 $(($1 - 1))); do
	rm -rf /etc/pki /root/own /etc/libvirt/libvirtd.conf
	cp -r /root/starts/$i/tree/. /
	libvirtd $(cat /root/starts/$i/args) >/root/log 2>&1 &
	pid=$!
	for try in $(seq 600); do
		if ! kill -0 $pid 2>/dev/null; then
			echo "START $i refused $(grep 'error :' /root/log | tail -1)"
			break
		elif grep -q '^TCP6\?: inuse [1-9]' /proc/net/sockstat* && grep -q ':4082 .* 0A ' /proc/net/tcp /proc/net/tcp6; then
			echo "START $i started"
			break
		fi
		sleep 0.05
	done
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null || true
done
`

// TestStartsOnReleases starts libvirtd on random files, at its default paths or at others that one
// of two random configuration files names. Other files lie at the paths that it must not read.
func TestStartsOnReleases(t *testing.T) {
	onReleases(t, func(t *testing.T, h *labHost) {
		n, seed := amount(t, 8)
		g := newGenerator(seed, time.Now())
		folder := t.TempDir()
		starts := make([]oneStart, n)
		for i := range starts {
			starts[i] = g.start(t, filepath.Join(folder, strconv.Itoa(i)))
		}
		if err := h.Put(t.Context(), folder, "/root/starts"); err != nil {
			t.Fatal(err)
		}
		out, err := h.Output(t.Context(), "sh", "-c", startScript, "sh", strconv.Itoa(n))
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
			starts[i].conf.Release = h.libvirt()
			said, _ := InConf(starts[i].conf) // a crl_file that is missing keeps some releases from starting
			said = append(said, OwnFiles(starts[i].set, h.libvirt(), time.Now())...)
			if (fields[2] == "started") == Refused(said) {
				wrong++
				t.Errorf("%s: %s%s", starts[i].args, line, findingLines(said))
			}
		}
		if answers != n {
			t.Errorf("%d answers for %d sets:\n%s", answers, n, out)
		}
		t.Logf("libvirtd of %s was started on %d sets, %d disagreements", h.libvirt(), n, wrong)
	}, noPackages)
}

// The two configuration files that libvirtd may be started with.
const (
	usualConf = "/etc/libvirt/libvirtd.conf"
	otherConf = "/root/own/x.conf"
)

// oneStart is what libvirtd is started with, as virtpki sees it.
type oneStart struct {
	set  Set // the files that are read
	conf DaemonConf
	args string
}

// start writes the files of one start below a directory: those that virtpki says libvirtd reads,
// and others at the paths beside them.
func (g *generator) start(t *testing.T, dir string) oneStart {
	t.Helper()
	args := pick(g, "-l", "--listen", "--lis", "-v -l", "-lf "+otherConf, "-l -f "+otherConf, "-vlf"+otherConf, "--listen --config "+otherConf,
		"--config="+otherConf+" -l", "-f "+usualConf+" --conf="+otherConf+" --listen", "--config "+otherConf+" -lf "+usualConf)
	confs := map[string]string{usualConf: g.fileSettings(), otherConf: g.fileSettings()}
	argv := append([]string{"libvirtd"}, strings.Fields(args)...)
	read := libvirt.ConfigOption(argv)
	if read == "" {
		read = usualConf
	}
	file, err := conf.Parse([]byte(confs[read]))
	if err != nil {
		t.Fatal(err)
	}
	named, err := libvirt.NamedFiles(file)
	if err != nil {
		t.Fatal(err)
	}
	set, other := g.set(Server), g.set(Server)
	_, own := named["ca_file"]
	if _, crl := named["crl_file"]; own && !crl {
		set.CRL = File{Path: set.CRL.Path, Err: fs.ErrNotExist}
	}
	usual := map[string]string{"ca_file": "/etc/pki/CA/cacert.pem", "crl_file": "/etc/pki/CA/cacrl.pem", "cert_file": "/etc/pki/libvirt/servercert.pem", "key_file": "/etc/pki/libvirt/private/serverkey.pem"}
	at, beside := usual, ownPaths
	if own {
		at, beside = ownPaths, usual
	}
	tree := filepath.Join(dir, "tree")
	place(t, tree, at, set)
	place(t, tree, beside, other)
	for path, text := range confs {
		writeBelow(t, filepath.Join(tree, path), []byte(text))
	}
	writeFile(t, filepath.Join(dir, "args"), []byte(args))
	d := openedBy(confs[read])
	d.Exists = func(path string) bool {
		_, err := os.Stat(filepath.Join(tree, path))
		return err == nil
	}
	return oneStart{set, d, args}
}

// ownPaths are paths that the random configuration files name.
var ownPaths = map[string]string{"ca_file": "/root/own/ca.pem", "crl_file": "/root/own/crl.pem", "cert_file": "/root/own/tls/c.pem", "key_file": "/root/own/k.pem"}

// fileSettings returns a configuration file that names all files, only the CRL, or none.
func (g *generator) fileSettings() string {
	names := pick(g, "", "crl_file", "ca_file cert_file key_file", "key_file crl_file cert_file ca_file")
	var b strings.Builder
	for _, name := range strings.Fields(names) {
		b.WriteString(name + " = \"" + ownPaths[name] + "\"\n")
	}
	return b.String()
}

// place writes the files of a set at some paths below a tree.
func place(t *testing.T, tree string, at map[string]string, s Set) {
	t.Helper()
	for name, f := range map[string]File{"ca_file": s.CA, "crl_file": s.CRL, "cert_file": s.Cert, "key_file": s.Key} {
		path := filepath.Join(tree, at[name])
		switch {
		case f.Absent():
		case f.Err != nil: // a file that cannot be read is a directory here
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
		default:
			writeBelow(t, path, f.Data)
		}
	}
}

// writeBelow writes a file with the directories above it.
func writeBelow(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, data)
}
