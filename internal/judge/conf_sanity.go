package judge

import (
	"slices"
	"strings"
)

// StartedUnchecked adapts the findings on a daemon's own files to a configuration file with
// tls_no_sanity_certificate = 1: the daemon then starts on files that only its check of the
// certificates would refuse (libvirt, src/rpc/virnettlscontext.c). Clients refuse such a
// certificate. A fault of a CA that the daemon may not need becomes a warning.
func StartedUnchecked(found []Finding) []Finding {
	refusal := consequenceOf((&run{set: Set{Role: Server}}))
	var out []Finding
	for _, f := range found {
		if f.Stage == Own && f.Level == Error && !slices.Contains(loading, f.ID) {
			f.Text = strings.Replace(f.Text, refusal, "libvirtd starts anyway, because tls_no_sanity_certificate is set; a reload refuses it", 1)
			f.Stage = Session
			if strings.HasPrefix(f.ID, "ca-") {
				f.Level = Warning
			}
		}
		out = append(out, f)
	}
	return out
}
