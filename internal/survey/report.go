package survey

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"virtpki/internal/certinfo"
	"virtpki/internal/termtext"
)

// Report is the result for all hosts; its JSON form is stable.
type Report struct {
	Time    time.Time     `json:"time"`
	Elapsed time.Duration `json:"-"`
	Seconds float64       `json:"seconds"`
	Hosts   int           `json:"hosts"`
	Fine    int           `json:"fine"`
	// Records is whether the CA's records are here, so that certificates were compared with
	// them.
	Records bool     `json:"compared_with_records"`
	Results []Result `json:"results"` // in the order of the list
}

func newReport(results []Result, now time.Time, elapsed time.Duration, records bool) *Report {
	r := &Report{Time: now.UTC().Truncate(time.Second), Elapsed: elapsed, Seconds: elapsed.Seconds(), Hosts: len(results), Records: records, Results: results}
	for _, host := range results {
		if host.OK {
			r.Fine++
		}
	}
	return r
}

// OK reports whether all hosts are fine.
func (r *Report) OK() bool { return r.Fine == r.Hosts }

// Text returns a line for each host that is not fine, and a summary.
func (r *Report) Text() termtext.Text {
	rows := [][]string{}
	for _, host := range r.Results {
		if !host.OK {
			rows = append(rows, []string{"NO", host.Host, host.Verdict, host.Text})
		}
	}
	var b bytes.Buffer
	if len(rows) > 0 {
		termtext.Fprintf(&b, "%s", termtext.Table(rows))
	}
	termtext.Fprintf(&b, "%s: %d fine, %d not, in %.1f s\n", termtext.Count(r.Hosts, "host", "hosts"), r.Fine, r.Hosts-r.Fine, r.Seconds)
	if first := r.first(); first != nil {
		termtext.Fprintf(&b, "first to expire: %s on %s\n", first.Host, termtext.Day(first.Certificate.NotAfter))
	}
	for _, line := range []struct {
		what string
		of   func(Result) string
	}{{"CA", issuer}, {"libvirt", func(h Result) string { return h.Libvirt }}} {
		if counts := r.count(line.of); counts != "" {
			termtext.Fprintf(&b, "%s: %s\n", line.what, counts)
		}
	}
	if !r.Records {
		termtext.Fprintf(&b, "the CA's records are not here: check did not compare each host's certificate with its latest one\n")
	}
	return termtext.Text(b.String())
}

func issuer(h Result) string {
	if h.Certificate == nil {
		return ""
	}
	return h.Certificate.Issuer
}

// shownKinds is how many kinds of one thing a summary lists.
const shownKinds = 6

// count words how many hosts have each value, the most frequent first.
func (r *Report) count(of func(Result) string) string {
	counts := make(map[string]int)
	for _, host := range r.Results {
		if kind := of(host); kind != "" {
			counts[kind]++
		}
	}
	kinds := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b)) })
	var texts []string
	for i, kind := range kinds {
		if i == shownKinds {
			texts = append(texts, fmt.Sprintf("%d others", len(kinds)-i))
			break
		}
		texts = append(texts, fmt.Sprintf("%s (%d)", termtext.QuoteShort(kind), counts[kind]))
	}
	return strings.Join(texts, "; ")
}

// first returns the host whose certificate expires first, of those that are fine.
func (r *Report) first() *Result {
	var first *Result
	for i, host := range r.Results {
		if host.OK && host.Certificate != nil && (first == nil || host.Certificate.NotAfter.Before(first.Certificate.NotAfter)) {
			first = &r.Results[i]
		}
	}
	return first
}

// Metrics returns the report for Prometheus's text collector.
func (r *Report) Metrics() []byte {
	var b bytes.Buffer
	certinfo.Family(&b, "virtpki_hosts_checked_timestamp_seconds", "Time of the last check of all hosts, in seconds since 1970.")
	fmt.Fprintf(&b, "virtpki_hosts_checked_timestamp_seconds %d\n", r.Time.Unix())
	certinfo.Family(&b, "virtpki_hosts_check_duration_seconds", "Duration of that check, in seconds.")
	fmt.Fprintf(&b, "virtpki_hosts_check_duration_seconds %.3f\n", r.Seconds)
	r.family(&b, "virtpki_host_ok", "Whether a host is fine.", func(h Result) (labels, value string) { return "", flag(h.OK) })
	r.family(&b, "virtpki_host_verdict_info", "The verdict of virtpki about a host.", func(h Result) (labels, value string) {
		return ",verdict=" + certinfo.Label(h.Verdict), "1"
	})
	r.family(&b, "virtpki_host_reachable", "Whether a host's TLS port accepts connections.", func(h Result) (labels, value string) { return "", flag(h.Reachable) })
	r.family(&b, "virtpki_host_admits", "Whether a host's daemon admits the client of the check.", func(h Result) (labels, value string) { return "", flag(h.Admitted) })
	r.family(&b, "virtpki_host_certificate_not_after_seconds", "Expiry of the certificate that a host serves, in seconds since 1970.", func(h Result) (labels, value string) {
		if h.Certificate == nil {
			return "", ""
		}
		return ",issuer=" + certinfo.Label(h.Certificate.Issuer), fmt.Sprint(h.Certificate.NotAfter.Unix())
	})
	r.family(&b, "virtpki_host_libvirt_info", "The version of a host's libvirt.", func(h Result) (labels, value string) {
		if h.Libvirt == "" {
			return "", ""
		}
		return ",version=" + certinfo.Label(h.Libvirt), "1"
	})
	return b.Bytes()
}

// family writes one value for each host that has it.
func (r *Report) family(b *bytes.Buffer, name, what string, of func(Result) (labels, value string)) {
	certinfo.Family(b, name, what)
	for _, host := range r.Results {
		if labels, value := of(host); value != "" {
			fmt.Fprintf(b, "%s{host=%s%s} %s\n", name, certinfo.Label(host.Host), labels, value)
		}
	}
}

func flag(yes bool) string {
	if yes {
		return "1"
	}
	return "0"
}
