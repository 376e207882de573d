package adopt

import (
	"bytes"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"

	"virtpki/internal/certinfo"
	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// status reports the state of a service to systemd, as sd_notify(3) does. Without systemd it
// does nothing.
type status struct{ socket string }

func newStatus() *status { return &status{os.Getenv("NOTIFY_SOCKET")} }

// send sends lines such as READY=1. It ignores errors: systemd need not receive them.
func (s *status) send(lines ...string) {
	if s.socket == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.socket, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	conn.Write([]byte(strings.Join(lines, "\n")))
}

// line returns the line that systemctl status shows.
func (s *status) line(w *watch, err error) string {
	if err != nil {
		return "STATUS=" + termtext.Line("not installed: "+err.Error())
	}
	var texts []string
	for _, p := range w.live() {
		texts = append(texts, fmt.Sprintf("%s %s until %s", p.Role, subject.Of(p.Cert), termtext.Day(p.Cert.NotAfter)))
	}
	return "STATUS=" + termtext.Line(strings.Join(texts, ", "))
}

// live returns the installed key pairs.
func (w *watch) live() []*keypair.Pair {
	var all []*keypair.Pair
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		p := keypair.New(w.m.Tree(), w.To.Layout, role)
		if p.ReadCert() == nil && p.Cert != nil {
			all = append(all, p)
		}
	}
	return all
}

// metricsMode lets the node exporter read the file.
const metricsMode fs.FileMode = 0o644

// writeMetrics writes a file for Prometheus's text collector. Its metric names differ from
// those of renew's file: both may lie in one directory.
func (w *watch) writeMetrics(success bool) error {
	if w.Metrics == "" {
		return nil
	}
	var plan store.Plan
	o := store.Output{Path: w.Metrics, Data: w.metrics(success), Mode: metricsMode, Ours: change.WrittenMetrics, Force: w.Force, Owner: machine.Owner()}
	if err := change.PlanOutput(&plan, o, "--metrics"); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return w.o.Track.Apply(&plan)
}

func (w *watch) metrics(success bool) []byte {
	var b bytes.Buffer
	const ends = "virtpki_watch_certificate_not_after_seconds"
	certinfo.Family(&b, ends, "Expiry of a certificate from a watched directory, in seconds since 1970.")
	for _, p := range w.live() {
		fmt.Fprintf(&b, "%s{role=%s,path=%s,dn=%s} %d\n", ends, certinfo.Label(string(p.Role)), certinfo.Label(p.CertPath), certinfo.Label(subject.Of(p.Cert)), p.Cert.NotAfter.Unix())
	}
	value := func(name, what string, value int64) {
		certinfo.Family(&b, name, what)
		fmt.Fprintf(&b, "%s %d\n", name, value)
	}
	value("virtpki_watch_last_run_seconds", "When the watched files were last read, in seconds since 1970.", w.m.Now().Unix())
	value("virtpki_watch_changes", "Runs that changed something, since the watch began.", int64(w.changes))
	good := int64(0)
	if success {
		good = 1
	}
	value("virtpki_watch_success", "Whether the watched files were good when they were last read.", good)
	return b.Bytes()
}
