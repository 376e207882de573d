package main

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/certinfo"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
)

func newRolloverStatus(e *env, g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Tell where the rollover stands",
		Long:    help("Tell where the rollover stands: which CA signs, what is still under the old one,\nand what to do next. The exit status is 0 when there is no rollover or when it\ncan be finished, and 3 when something still needs the old CA.", exitDone, exitError, exitUsage, exitRefused),
		Example: "  virtpki ca rollover status",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return e.rolloverStatus(g)
		},
	}
}

// rolloverInfo is what status tells; its JSON form is stable.
type rolloverInfo struct {
	UnderWay bool       `json:"under_way"`
	Old      string     `json:"old,omitempty"`
	New      string     `json:"new,omitempty"`
	Switch   *time.Time `json:"switch,omitempty"`
	Signs    string     `json:"signs,omitempty"` // old or new
	Needs    []string   `json:"needs_old"`
	Next     string     `json:"next"`
}

func (e *env) rolloverStatus(g *globals) error {
	a, _, err := authority.Read(g.Machine)
	if err != nil {
		return err
	}
	info := rolloverInfo{Needs: []string{}, Next: "nothing: virtpki ca rollover start begins one"}
	if a.Rollover != nil {
		if info, err = describeRollover(g.Machine, a); err != nil {
			return err
		}
	}
	if g.json {
		err = e.printJSON(info)
	} else {
		e.printRollover(info)
	}
	if err == nil && len(info.Needs) > 0 {
		err = hint.ErrRefused
	}
	return err
}

func describeRollover(m *machine.Machine, a *authority.Authority) (rolloverInfo, error) {
	state := a.Rollover
	info := rolloverInfo{UnderWay: true, Switch: &state.Switch, Signs: "old", Needs: []string{}}
	if cert := a.ByKeyID(state.Old); cert != nil {
		info.Old = subject.Of(cert)
	}
	if cert := a.ByKeyID(state.New); cert != nil {
		info.New = subject.Of(cert)
	}
	needs, err := needOld(m, a)
	if err != nil {
		return info, err
	}
	info.Needs = append(info.Needs, needs...)
	switch {
	case m.Now().Before(state.Switch):
		info.Next = "give cacert.pem and cacrl.pem to every host and client before " + termtext.Instant(state.Switch)
	case len(needs) > 0:
		info.Signs, info.Next = "new", "virtpki renew here; issue the others anew"
	default:
		info.Signs, info.Next = "new", "virtpki ca rollover finish"
	}
	return info, nil
}

func (e *env) printRollover(info rolloverInfo) {
	if info.UnderWay {
		termtext.Fprintf(e.stdout, "old CA:   %s\nnew CA:   %s\nsigns:    the %s one (the new one from %s)\n", info.Old, info.New, info.Signs, termtext.Instant(*info.Switch))
		for _, need := range info.Needs {
			termtext.Fprintf(e.stdout, "needs the old one: %s\n", need)
		}
	} else {
		termtext.Fprintf(e.stdout, "no rollover is under way\n")
	}
	termtext.Fprintf(e.stdout, "next:     %s\n", info.Next)
}

// needOld lists what still needs the old CA: certificates of it that are
// installed here, and live ones that it has signed for a subject and role for
// which the new CA has signed none yet.
func needOld(m *machine.Machine, a *authority.Authority) ([]string, error) {
	old, next := a.ByKeyID(a.Rollover.Old), a.ByKeyID(a.Rollover.New)
	if old == nil || next == nil {
		return nil, nil
	}
	var needs []string
	installed, err := installedCerts(m)
	if err != nil {
		return nil, err
	}
	for _, p := range installed {
		if !p.Cert.IsCA && p.Cert.CheckSignatureFrom(old) == nil {
			needs = append(needs, fmt.Sprintf("%s (%s)", p.Path, subject.Of(p.Cert)))
		}
	}
	live, err := liveUnder(m, a, old, next)
	return append(needs, live...), err
}

// liveUnder lists the live records of the old CA without a successor.
func liveUnder(m *machine.Machine, a *authority.Authority, old, next *x509.Certificate) ([]string, error) {
	revoked, err := a.Revoked()
	if err != nil {
		return nil, err
	}
	records, err := authority.Records(m)
	if err != nil {
		return nil, err
	}
	succeeded := make(map[string]bool)
	var waiting []change.Placed
	for _, p := range records {
		switch live := m.Now().Before(p.Cert.NotAfter) && !revoked[p.Cert.SerialNumber.String()]; {
		case !live:
		case p.Cert.CheckSignatureFrom(next) == nil:
			succeeded[identityOf(p.Cert)] = true
		case p.Cert.CheckSignatureFrom(old) == nil:
			waiting = append(waiting, p)
		}
	}
	var needs []string
	for _, p := range waiting {
		if !succeeded[identityOf(p.Cert)] {
			needs = append(needs, fmt.Sprintf("%s %s, serial %s, until %s", strings.Join(certinfo.Roles(p.Cert), "+"), subject.Of(p.Cert), store.SerialText(p.Cert.SerialNumber), termtext.Day(p.Cert.NotAfter)))
		}
	}
	slices.Sort(needs)
	return needs, nil
}

// identityOf is whose certificate it is, and for what.
func identityOf(cert *x509.Certificate) string {
	return string(cert.RawSubject) + strings.Join(certinfo.Roles(cert), "+")
}
