package renewal

import (
	"bytes"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/certinfo"
	"virtpki/internal/change"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// metricsMode lets the node exporter read the file.
const metricsMode fs.FileMode = 0o644

// writeMetrics writes the file for Prometheus's text collector, with the state after the run.
func (r *renewal) writeMetrics(result error) error {
	if r.Metrics == "" || r.o.DryRun {
		return nil
	}
	if _, err := r.look(); err != nil && result == nil {
		return err
	}
	since := int64(0)
	if r.unanswered {
		since = unansweredSince(r.Metrics, r.m.Now().Unix())
	}
	var plan store.Plan
	o := store.Output{Path: r.Metrics, Data: r.metricsText(result, since), Mode: metricsMode, Ours: change.WrittenMetrics, Force: r.Force}
	if err := change.PlanOutput(&plan, o, "--metrics"); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return r.o.Track.Apply(&plan)
}

func (r *renewal) metricsText(result error, since int64) []byte {
	var b bytes.Buffer
	var ends []certinfo.Expiry
	for _, c := range r.found {
		if cert := c.pair.Cert; cert != nil {
			ends = append(ends, certinfo.Expiry{Role: string(c.role), Path: c.pair.CertPath, DN: subject.Of(cert), NotAfter: c.ends})
		}
	}
	for _, p := range r.own {
		if p.cert != nil {
			ends = append(ends, certinfo.Expiry{Role: p.Role, Path: p.path, DN: subject.Of(p.cert), NotAfter: p.ends})
		}
	}
	certinfo.Expiries(&b, ends)
	certinfo.Family(&b, "virtpki_certificate_due", "Whether an installed certificate is due for renewal.")
	for _, c := range r.found {
		fmt.Fprintf(&b, "virtpki_certificate_due{role=%s,path=%s} %d\n", certinfo.Label(string(c.role)), certinfo.Label(c.pair.CertPath), truth(len(c.reasons) > 0 || c.err != nil))
	}
	for _, p := range r.own {
		fmt.Fprintf(&b, "virtpki_certificate_due{role=%s,path=%s} %d\n", certinfo.Label(p.Role), certinfo.Label(p.path), truth(p.why != ""))
	}
	if a, err := authority.Open(r.m); err == nil {
		certinfo.Family(&b, "virtpki_ca_not_after_seconds", "Expiry of the CA, in seconds since 1970.")
		for _, cert := range a.Certificates {
			fmt.Fprintf(&b, "virtpki_ca_not_after_seconds{dn=%s} %d\n", certinfo.Label(subject.Of(cert)), cert.NotAfter.Unix())
		}
		certinfo.Family(&b, "virtpki_ca_due", "Whether the CA expires within 30 days and has no successor.")
		fmt.Fprintf(&b, "virtpki_ca_due{dn=%s} %d\n", certinfo.Label(subject.Of(a.CA.Certificate)), truth(r.report.CASoon))
		crlMetrics(&b, a)
	}
	certinfo.Family(&b, "virtpki_renew_last_run_seconds", "When renew last ran, in seconds since 1970.")
	fmt.Fprintf(&b, "virtpki_renew_last_run_seconds %d\n", r.m.Now().Unix())
	certinfo.Family(&b, "virtpki_renew_success", "Whether the last run of renew succeeded.")
	fmt.Fprintf(&b, "virtpki_renew_success %d\n", truth(result == nil))
	if r.asks() {
		certinfo.Family(&b, unansweredMetric, "Time since when the CA does not answer requests, in seconds since 1970; 0 while it answers, and while none are due.")
		fmt.Fprintf(&b, "%s %d\n", unansweredMetric, since)
	}
	return b.Bytes()
}

// unansweredMetric is the metric that is kept from one run to the next.
const unansweredMetric = "virtpki_issuer_unanswered_since_seconds"

// unansweredSince returns the time since which the CA has not responded: now, unless the file
// of the last run has an earlier one.
func unansweredSince(file string, now int64) int64 {
	data, err := store.ReadFile(file, maxMetrics)
	if err != nil || !change.WrittenMetrics(data) {
		return now
	}
	return since(data, now)
}

// maxMetrics is more than the file of the last run holds, in bytes.
const maxMetrics = 16 << 20

// since reads the time since which the CA had not responded after the last run. Others may have
// written the file, so a time that is not before now does not count.
func since(metrics []byte, now int64) int64 {
	for line := range strings.Lines(string(metrics)) {
		value, ok := strings.CutPrefix(line, unansweredMetric+" ")
		if n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); ok && err == nil && n > 0 && n < now {
			return n
		}
	}
	return now
}

func crlMetrics(b *bytes.Buffer, a *authority.Authority) {
	crls, err := pki.ParseCRLs(a.CRL)
	if err != nil {
		return
	}
	certinfo.Family(b, "virtpki_crl_next_update_seconds", "Expiry of a CRL (nextUpdate), in seconds since 1970.")
	for _, crl := range crls {
		fmt.Fprintf(b, "virtpki_crl_next_update_seconds{issuer=%s} %d\n", certinfo.Label(subject.Text(crl.RawIssuer)), unixSeconds(crl.NextUpdate))
	}
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

func unixSeconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
