package main

import (
	"errors"
	"slices"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/renewal"
	"virtpki/internal/termtext"
)

// tellRenewal prints what renew has found and done.
func tellRenewal(e *env, g *globals, o *renewOptions, r *renewal.Report, err error) error {
	warnRenewal(e, g, r)
	switch {
	case r.Outcome == renewal.Failed:
		return err
	case r.Outcome == renewal.Renewed:
		return e.tellWith(g, r.Job, err)
	case r.Outcome == renewal.Idle:
		return errors.Join(tellNothingDue(e, g, r), err)
	case r.Job != nil: // copies were renewed before
		if told := e.tell(g, r.Job); told != nil {
			return told
		}
	}
	return hint.First(tellDue(e, g, o, r), err) // as it is: that of a check which says no is told by its status alone
}

// warnRenewal tells what needs a person.
func warnRenewal(e *env, g *globals, r *renewal.Report) {
	if !g.quiet {
		if !r.CAEnds.IsZero() {
			e.warn("the CA ends on %s: begin its successor with virtpki ca rollover start", termtext.Day(r.CAEnds))
		}
		for _, text := range r.Left {
			e.warn("%s", text)
		}
	}
	for _, text := range r.Custom {
		e.warn("%s", text)
	}
}

// tellNothingDue says when the next one is due.
func tellNothingDue(e *env, g *globals, r *renewal.Report) error {
	switch {
	case len(r.Stale) > 0:
		for _, text := range r.Stale {
			termtext.Fprintf(e.stdout, "%s: would have it read again\n", text)
		}
		return nil
	case g.json:
		return e.printJSON(map[string]any{"due": false, "installed": r.Installed})
	case g.quiet:
		return nil
	case len(r.Installed) == 0:
		termtext.Fprintf(e.stdout, "nothing is installed here\n")
		return nil
	}
	next := slices.MinFunc(r.Installed, func(a, b renewal.Installed) int { return a.DueFrom.Compare(b.DueFrom) })
	termtext.Fprintf(e.stdout, "nothing is due; the first is %s from %s\n", next.Path, termtext.Day(next.DueFrom))
	return nil
}

// tellDue says what is due on a machine without the CA's key, and where the requests for
// it are.
func tellDue(e *env, g *globals, o *renewOptions, r *renewal.Report) error {
	if g.json {
		report := map[string]any{"due": true, "installed": r.Installed}
		if r.Requests != "" {
			report["requests"] = r.Requests
		}
		return e.printJSON(report)
	}
	for _, one := range r.Due {
		termtext.Fprintf(e.stdout, "%s: %s\n", one.Path, strings.Join(one.Reasons, "; "))
	}
	switch {
	case r.Requests != "":
		e.warn("nothing is renewed yet: the CA's key is not on this machine, and the requests are in %s", r.Requests)
		e.warn("sign them there (virtpki sign), then virtpki install the answer; --via does both")
	case o.via != "":
		e.warn("would ask the CA with %q", o.via)
	default:
		e.warn("the CA's key is not on this machine: requests would be left in %s; --via has them signed", g.System().Path(libvirt.Requests))
	}
	return nil
}
