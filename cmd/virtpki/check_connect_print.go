package main

import (
	"virtpki/internal/certinfo"
	"virtpki/internal/connect"
	"virtpki/internal/termtext"
)

func (e *env) printConnect(report *connect.Report) {
	for _, step := range report.Steps {
		e.printStep(step)
		if step.Name == "certificate" || step.Name == "tls" && !step.OK {
			e.printChain(report.Chain)
		}
	}
	termtext.Fprintf(e.stdout, "%s\n", connect.Verdicts[report.Verdict])
}

func (e *env) printStep(step connect.Step) {
	word, side := "ok", ""
	if !step.OK {
		word, side = "NO", step.Side+": "
	}
	termtext.Fprintf(e.stdout, "%-2s  %-14s  %s%s\n", word, step.Name, side, step.Text)
	if step.Fix != "" {
		termtext.Fprintf(e.stdout, "    do: %s\n", step.Fix)
	}
	for _, r := range step.Likely {
		how := "perhaps"
		if r.Sure {
			how = "because"
		}
		termtext.Fprintf(e.stdout, "    %s: %s\n", how, r.Text)
		if r.Fix != "" {
			termtext.Fprintf(e.stdout, "        do: %s\n", r.Fix)
		}
	}
}

// printChain prints what is served: the leaf's fingerprint, and what comes with it.
func (e *env) printChain(chain []certinfo.Info) {
	for i, info := range chain {
		if i > 0 {
			termtext.Fprintf(e.stdout, "    with %s, until %s\n", termtext.Quote(info.DN), info.Until())
		}
		termtext.Fprintf(e.stdout, "    sha256:%s\n", info.Fingerprint)
	}
}
