package certinfo

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"virtpki/internal/termtext"
)

// Family begins a family of values in the form of Prometheus's text collector.
func Family(b *bytes.Buffer, name, what string) {
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s gauge\n", name, what, name)
}

// Label returns a value quoted for the text format. Programs that read it show it to people.
func Label(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(termtext.Line(value)) + `"`
}

// Expiry is the time when a certificate expires, with its labels.
type Expiry struct {
	Role, Path, DN string
	NotAfter       time.Time
}

// Metrics returns when certificates expire, in the form of Prometheus's text collector.
func Metrics(certs List) []byte {
	var b bytes.Buffer
	var ends []Expiry
	for _, c := range certs {
		ends = append(ends, Expiry{Role: c.RoleText(), Path: c.Path, DN: c.DN, NotAfter: c.Ends})
	}
	Expiries(&b, ends)
	return b.Bytes()
}

// Expiries writes when certificates expire, of "list" as of "renew". Its description is the same
// in every file: the text collector reports files that differ in it.
func Expiries(b *bytes.Buffer, certs []Expiry) {
	const name = "virtpki_certificate_not_after_seconds"
	Family(b, name, "When a certificate expires, in seconds since 1970.")
	for _, c := range certs {
		fmt.Fprintf(b, "%s{role=%s,path=%s,dn=%s} %d\n", name, Label(c.Role), Label(c.Path), Label(c.DN), c.NotAfter.Unix())
	}
}
