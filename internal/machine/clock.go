package machine

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"virtpki/internal/hint"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Floor is the earliest possible present time, with the reason.
type Floor struct {
	at  time.Time
	why string
}

// Floor returns the floor that every command has.
func (m *Machine) Floor() Floor {
	return Floor{m.built, "this program was made"}
}

// Built returns a moment that no correct clock is before: this program was made then.
func (m *Machine) Built() time.Time { return m.built }

// Raise lifts the floor to the beginning of a certificate: a CA signed it before it
// came here, and libvirt does not start on one that is not valid yet.
func (f *Floor) Raise(cert *x509.Certificate, path string) {
	if cert.NotBefore.After(f.at) {
		*f = Floor{cert.NotBefore, "the certificate in " + path + " begins"}
	}
}

// CheckClock returns an error for a clock that cannot be right. A machine without a battery
// wakes up in 1970, and a certificate that it signs then has expired, or is not valid yet, for
// all others.
func (m *Machine) CheckClock() error { return m.checkFloor(m.Floor()) }

func (m *Machine) checkFloor(f Floor) error {
	if now := m.Now(); now.Before(f.at) {
		return hint.With(fmt.Errorf("the clock says %s, which is before %s (%s)", termtext.Instant(now), f.why, termtext.Instant(f.at)), "set the clock first")
	}
	return nil
}

// clockPoll is how often a waiting run looks at the clock.
const clockPoll = time.Second

// WaitClock is [Machine.CheckClock] with another floor, for a machine whose clock is about to be
// set. It waits for up to limit, a duration as [pki.ParseValidity] reads it, and not at all if
// limit is empty.
func (m *Machine) WaitClock(ctx context.Context, f Floor, limit string) error {
	if limit == "" {
		return m.checkFloor(f)
	}
	most, err := pki.ParseValidity(limit)
	if err != nil {
		return hint.Usage(err)
	}
	if m.checkFloor(f) == nil {
		return nil
	}
	m.Warn("the clock says %s, which is before %s (%s): waiting up to %s until it is set", termtext.Instant(m.Now()), f.why, termtext.Instant(f.at), limit)
	end := time.After(most)
	for {
		select {
		case <-ctx.Done():
			return hint.ErrInterrupted
		case <-end:
			return fmt.Errorf("after %s: %w", limit, m.checkFloor(f))
		case <-time.After(clockPoll):
		}
		if m.checkFloor(f) == nil {
			m.Warn("the clock says %s: continuing", termtext.Instant(m.Now()))
			return nil
		}
	}
}
