package connect

import (
	"strings"

	"virtpki/internal/certinfo"
	"virtpki/internal/termtext"
)

// Text returns the report in words.
func (r *Report) Text() termtext.Text {
	var b strings.Builder
	for _, step := range r.Steps {
		step.write(&b)
		if step.Name == "certificate" || step.Name == "tls" && !step.OK {
			writeChain(&b, r.Chain)
		}
	}
	termtext.Fprintf(&b, "%s\n", Verdicts[r.Verdict])
	return termtext.Text(b.String())
}

func (step Step) write(b *strings.Builder) {
	word, side := "ok", ""
	if !step.OK {
		word, side = "NO", step.Side+": "
	}
	termtext.Fprintf(b, "%-2s  %-14s  %s%s\n", word, step.Name, side, step.Text)
	if step.Fix != "" {
		termtext.Fprintf(b, "    do: %s\n", step.Fix)
	}
	for _, r := range step.Likely {
		how := "perhaps"
		if r.Sure {
			how = "because"
		}
		termtext.Fprintf(b, "    %s: %s\n", how, r.Text)
		if r.Fix != "" {
			termtext.Fprintf(b, "        do: %s\n", r.Fix)
		}
	}
}

// writeChain writes the served certificates: the leaf's fingerprint, and the rest of the chain.
func writeChain(b *strings.Builder, chain []certinfo.Info) {
	for i, info := range chain {
		if i > 0 {
			termtext.Fprintf(b, "    with %s, until %s\n", termtext.Quote(info.DN), info.Until())
		}
		termtext.Fprintf(b, "    sha256:%s\n", info.Fingerprint)
	}
}
