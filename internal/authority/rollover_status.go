package authority

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"virtpki/internal/certinfo"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
)

// Status says where a rollover stands; its JSON form is stable.
type Status struct {
	UnderWay bool       `json:"under_way"`
	Old      string     `json:"old,omitempty"`
	New      string     `json:"new,omitempty"`
	Switch   *time.Time `json:"switch,omitempty"`
	Signs    string     `json:"signs,omitempty"` // old or new
	Needs    []string   `json:"needs_old"`       // in words
	Next     string     `json:"next"`            // the next step
}

// RolloverStatus reads the state of the rollover of m's CA. If there is none, the state says so.
func RolloverStatus(m *machine.Machine) (*Status, error) {
	a, _, err := Read(m)
	if err != nil {
		return nil, err
	}
	if a.Rollover == nil {
		return &Status{Needs: []string{}, Next: "nothing: virtpki ca rollover start starts one"}, nil
	}
	return statusOf(a, m)
}

func statusOf(a *Authority, m *machine.Machine) (*Status, error) {
	state := a.Rollover
	info := &Status{UnderWay: true, Switch: &state.Switch, Signs: "old", Needs: []string{}}
	if cert := a.byKeyID(state.Old); cert != nil {
		info.Old = subject.Of(cert)
	}
	if cert := a.byKeyID(state.New); cert != nil {
		info.New = subject.Of(cert)
	}
	needs, err := needOld(a, m)
	if err != nil {
		return nil, err
	}
	info.Needs = append(info.Needs, needs...)
	switch {
	case m.Now().Before(state.Switch):
		info.Next = "give cacert.pem and cacrl.pem to every host and client before " + termtext.Instant(state.Switch)
	case len(needs) > 0:
		info.Signs, info.Next = "new", "run virtpki renew here; issue the others again"
	default:
		info.Signs, info.Next = "new", "virtpki ca rollover finish"
	}
	return info, nil
}

// needOld lists the certificates that still need the old CA. These are the ones of it that are
// installed here, and live ones with a subject and role for which the new CA has not signed a
// certificate yet.
func needOld(a *Authority, m *machine.Machine) ([]string, error) {
	old, next := a.byKeyID(a.Rollover.Old), a.byKeyID(a.Rollover.New)
	if old == nil || next == nil {
		return nil, nil
	}
	var needs []string
	installed, err := Installed(m)
	if err != nil {
		return nil, err
	}
	for _, p := range installed {
		if !p.Cert.IsCA && p.Cert.CheckSignatureFrom(old) == nil {
			needs = append(needs, fmt.Sprintf("%s (%s)", p.Path, subject.Of(p.Cert)))
		}
	}
	live, err := liveUnder(a, m, old, next)
	return append(needs, live...), err
}

// liveUnder lists the live records of the old CA without a successor.
func liveUnder(a *Authority, m *machine.Machine, old, next *x509.Certificate) ([]string, error) {
	revoked, err := a.revoked()
	if err != nil {
		return nil, err
	}
	records, err := Records(m)
	if err != nil {
		return nil, err
	}
	succeeded := make(map[string]bool)
	var waiting []change.Placed
	for _, p := range records {
		switch live := m.Now().Before(p.Cert.NotAfter) && !revoked.Has(p.Cert); {
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

// identityOf returns the subject and the roles of a certificate.
func identityOf(cert *x509.Certificate) string {
	return string(cert.RawSubject) + strings.Join(certinfo.Roles(cert), "+")
}

// nothingNeedsOld returns an error if the old CA is still needed. force does not apply to
// certificates that are installed here: libvirtd would not start.
func nothingNeedsOld(a *Authority, m *machine.Machine, force bool) error {
	needs, err := needOld(a, m)
	if err != nil || len(needs) == 0 {
		return err
	}
	installed, err := Installed(m)
	if err != nil {
		return err
	}
	old := a.byKeyID(a.Rollover.Old)
	here := slices.ContainsFunc(installed, func(p change.Placed) bool { return !p.Cert.IsCA && p.Cert.CheckSignatureFrom(old) == nil })
	if force && !here {
		return nil
	}
	return hint.With(fmt.Errorf("%s still needs the old CA, and so do others like it (%s)", needs[0], termtext.Count(len(needs), "certificate", "certificates")),
		"see virtpki ca rollover status; virtpki renew replaces the certificates installed here")
}
