package inspect

import (
	"context"

	"virtpki/internal/authority"
	"virtpki/internal/clock"
	"virtpki/internal/judge"
	"virtpki/internal/machine"
)

// wrongClock returns the finding on a clock that is the cause of others; nil if it may be right.
// systemd is asked only about a clock that looks wrong.
func wrongClock(ctx context.Context, m *machine.Machine, found []judge.Finding) *judge.Finding {
	facts := clock.Facts{Now: m.Now(), Passed: []clock.Passed{{At: m.Built(), What: "this program was made", Certain: true}}}
	recorded, _ := authority.Records(m) // an unreadable record proves nothing
	for _, r := range recorded {
		facts.Passed = append(facts.Passed, clock.Passed{At: r.Cert.NotBefore, What: "the newest certificate in the CA's records begins"})
	}
	installed, _ := authority.Installed(m)
	for _, i := range installed {
		facts.Lives = append(facts.Lives, clock.Life{CA: i.Cert.IsCA, From: i.Cert.NotBefore, Until: i.Cert.NotAfter})
	}
	if clock.Judge(found, facts) == nil {
		return nil
	}
	facts.NTP = clock.Ask(ctx)
	return clock.Judge(found, facts)
}
