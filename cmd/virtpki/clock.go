package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"runtime/debug"
	"time"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// buildFloor is before every build of this program.
var buildFloor = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// builtAt is a time before which no clock that is right can be while this program
// runs: that of the commit it was built from, where the build has recorded one
// that is not older than buildFloor.
func builtAt(settings []debug.BuildSetting) time.Time {
	for _, s := range settings {
		if s.Key != "vcs.time" {
			continue
		}
		if at, err := time.Parse(time.RFC3339, s.Value); err == nil && at.After(buildFloor) {
			return at
		}
	}
	return buildFloor
}

// built is builtAt for this program.
func built() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return buildFloor
	}
	return builtAt(info.Settings)
}

// clockFloor is the earliest time that can be now, and why.
type clockFloor struct {
	at  time.Time
	why string
}

// buildFloor is the floor that every command has.
func (e *env) buildFloor() clockFloor {
	return clockFloor{e.built, "this program was made"}
}

// raise lifts the floor to the beginning of a certificate: a CA signed it before it
// came here, and libvirt does not start on one that is not valid yet.
func (f *clockFloor) raise(cert *x509.Certificate, path string) {
	if cert.NotBefore.After(f.at) {
		*f = clockFloor{cert.NotBefore, "the certificate in " + path + " begins"}
	}
}

// raiseBy lifts the floor to what a layout's certificates say. What cannot be read
// is told when it is needed.
func (f *clockFloor) raiseBy(t store.Tree, layout libvirt.Layout) {
	for _, file := range []libvirt.File{libvirt.CACert, libvirt.ServerCert, libvirt.ClientCert} {
		path := layout.Path(file)
		certs, _ := readCerts(t, path)
		for _, cert := range certs {
			f.raise(cert, path)
		}
	}
}

// checkClock refuses to sign under a clock that cannot be right: a machine
// without a battery wakes up in 1970, and what it signs then has expired, or is
// not valid yet, for everybody else.
func (e *env) checkClock() error { return e.checkFloor(e.buildFloor()) }

func (e *env) checkFloor(f clockFloor) error {
	if now := e.now(); now.Before(f.at) {
		return hint.With(fmt.Errorf("the clock says %s, which is before %s (%s)", termtext.Instant(now), f.why, termtext.Instant(f.at)), "set the clock first")
	}
	return nil
}

// defaultClockWait is how long --wait-clock without a value waits.
const defaultClockWait = "10m"

// clockPoll is how often a clock is looked at that is waited for.
const clockPoll = time.Second

// waitClock is checkFloor for a machine whose clock is about to be set: it waits for
// up to limit, a duration as pki.ParseValidity reads it; empty is not at all.
func (e *env) waitClock(ctx context.Context, f clockFloor, limit string) error {
	if limit == "" {
		return e.checkFloor(f)
	}
	most, err := pki.ParseValidity(limit)
	if err != nil {
		return hint.Usage(err)
	}
	if e.checkFloor(f) == nil {
		return nil
	}
	e.warn("the clock says %s, which is before %s (%s): waiting up to %s for it to be set", termtext.Instant(e.now()), f.why, termtext.Instant(f.at), limit)
	end := time.After(most)
	for {
		select {
		case <-ctx.Done():
			return hint.ErrInterrupted
		case <-end:
			return fmt.Errorf("after %s: %w", limit, e.checkFloor(f))
		case <-time.After(clockPoll):
		}
		if e.checkFloor(f) == nil {
			e.warn("the clock says %s: going on", termtext.Instant(e.now()))
			return nil
		}
	}
}
