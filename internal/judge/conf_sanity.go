package judge

import (
	"slices"
	"strings"
)

// StartedUnchecked is what is found of a daemon's own files when its conf has
// tls_no_sanity_certificate = 1: it starts on what only its look at the certificates
// would refuse (libvirt, src/rpc/virnettlscontext.c). Clients refuse such a
// certificate of its own; what is wrong with a CA it may not need is a warning.
func StartedUnchecked(found []Finding) []Finding {
	refusal := consequenceOf((&run{set: Set{Role: Server}}))
	var out []Finding
	for _, f := range found {
		if f.Stage == Own && f.Level == Error && !slices.Contains(loading, f.ID) {
			f.Text = strings.Replace(f.Text, refusal, "libvirtd starts all the same, since tls_no_sanity_certificate is set; a reload does not take it", 1)
			f.Stage = Session
			if strings.HasPrefix(f.ID, "ca-") {
				f.Level = Warning
			}
		}
		out = append(out, f)
	}
	return out
}
