package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// metricsMode lets the node exporter read the file.
const metricsMode fs.FileMode = 0o644

// notAfterMetric tells when certificates end, whoever has them.
const notAfterMetric = "virtpki_certificate_not_after_seconds"

// writeMetrics writes what Prometheus's text collector reads, as things stand
// after the run.
func (r *renewal) writeMetrics(result error) error {
	if r.metrics == "" || r.g.dryRun {
		return nil
	}
	if err := r.look(); err != nil && result == nil {
		return err
	}
	var plan store.Plan
	o := store.Output{Path: r.metrics, Data: r.metricsText(result), Mode: metricsMode, Ours: writtenMetrics, Force: r.force}
	if err := planOutput(&plan, o, "--metrics"); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return r.apply(&plan)
}

func (r *renewal) metricsText(result error) []byte {
	var b bytes.Buffer
	family(&b, notAfterMetric, "End of an installed certificate, in seconds since 1970.")
	for _, in := range r.found {
		if cert := in.pair.cert; cert != nil {
			fmt.Fprintf(&b, "%s{role=%s,path=%s,dn=%s} %d\n", notAfterMetric,
				label(string(in.role)), label(in.pair.certPath), label(subject.Of(cert)), cert.NotAfter.Unix())
		}
	}
	family(&b, "virtpki_certificate_due", "Whether an installed certificate is due for renewal.")
	for _, in := range r.found {
		fmt.Fprintf(&b, "virtpki_certificate_due{role=%s,path=%s} %d\n", label(string(in.role)), label(in.pair.certPath), truth(len(in.reasons) > 0 || in.err != nil))
	}
	if a, err := r.loadCA(r.g); err == nil {
		family(&b, "virtpki_ca_not_after_seconds", "End of the CA, in seconds since 1970.")
		for _, cert := range a.bundle {
			fmt.Fprintf(&b, "virtpki_ca_not_after_seconds{dn=%s} %d\n", label(subject.Of(cert)), cert.NotAfter.Unix())
		}
		crlMetrics(&b, a)
	}
	family(&b, "virtpki_renew_last_run_seconds", "When renew ran last, in seconds since 1970.")
	fmt.Fprintf(&b, "virtpki_renew_last_run_seconds %d\n", r.now().Unix())
	family(&b, "virtpki_renew_success", "Whether the last run of renew went well.")
	fmt.Fprintf(&b, "virtpki_renew_success %d\n", truth(result == nil))
	return b.Bytes()
}

func crlMetrics(b *bytes.Buffer, a *authority) {
	crls, err := pki.ParseCRLs(a.crl)
	if err != nil {
		return
	}
	family(b, "virtpki_crl_next_update_seconds", "When a CRL stops counting as fresh, in seconds since 1970.")
	for _, crl := range crls {
		fmt.Fprintf(b, "virtpki_crl_next_update_seconds{issuer=%s} %d\n", label(subject.Text(crl.RawIssuer)), unixSeconds(crl.NextUpdate))
	}
}

func family(b *bytes.Buffer, name, what string) {
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s gauge\n", name, what, name)
}

// label quotes a value as the text format wants it; what reads it shows it to people.
func label(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(termtext.Line(value)) + `"`
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
