package survey

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/certinfo"
	"virtpki/internal/connect"
	"virtpki/internal/machine"
	"virtpki/internal/termtext"
)

// The verdicts that a survey has besides those of [connect.Verdicts].
const (
	NoName      = "no-name"      // the line of the list does not contain a name
	NotLatest   = "not-latest"   // a later certificate was signed for this name
	ExpiresSoon = "expires-soon" // the served certificate expires within a week
)

// Result is the result for one host; its JSON form is stable.
type Result struct {
	Host    string `json:"host"`
	OK      bool   `json:"ok"`
	Verdict string `json:"verdict"` // "fine", one of connect's, or one of this package's
	Text    string `json:"text,omitempty"`
	Fix     string `json:"fix,omitempty"`
	// Reachable is whether something took the connection, Admitted whether the server admits
	// this client.
	Reachable   bool    `json:"reachable"`
	Admitted    bool    `json:"admitted"`
	Certificate *Served `json:"certificate,omitempty"`
	Libvirt     string  `json:"libvirt,omitempty"`
}

// Served is the certificate that a host serves.
type Served struct {
	DN       string    `json:"dn"`
	Serial   string    `json:"serial"`
	Issuer   string    `json:"issuer"` // the generation of the CA
	NotAfter time.Time `json:"not_after"`
}

// soon reports whether a certificate expires too soon: within the same time as for virtpki
// check, but not for a certificate with a lifetime of at most a few weeks.
func soon(c certinfo.Info, now time.Time) bool {
	left := c.NotAfter.Sub(now)
	return left < 7*24*time.Hour && left < c.NotAfter.Sub(c.NotBefore)/3
}

// judge returns the verdict on a host.
func judge(t Target, report *connect.Report, records signed, now time.Time) Result {
	r := Result{Host: t.Name, OK: true, Verdict: "fine"}
	r.see(report)
	if !report.OK && report.Verdict != "auth-wanted" {
		r.refuse(report.Verdict, report.Last())
		return r
	}
	served := report.Chain[0]
	if latest, ok := records.later(t.Name, served); ok {
		r.no(NotLatest, fmt.Sprintf("it serves %s from %s; the CA's latest certificate for it is %s from %s", short(served.Serial), termtext.Day(served.NotBefore),
			short(latest.Serial), termtext.Day(latest.NotBefore)), "on the host: virtpki install, or virtpki reload if it is already installed")
	} else if soon(served, now) {
		r.no(ExpiresSoon, fmt.Sprintf("its certificate expires on %s", termtext.Instant(served.NotAfter)), "on the host: virtpki renew")
	}
	return r
}

// see notes how far the connection got.
func (r *Result) see(report *connect.Report) {
	for _, step := range report.Steps {
		switch step.Name {
		case "tcp":
			r.Reachable = step.OK
		case "confirmation":
			r.Admitted = step.OK
		}
	}
	if len(report.Chain) > 0 {
		c := report.Chain[0]
		r.Certificate = &Served{DN: c.DN, Serial: c.Serial, Issuer: c.Issuer, NotAfter: c.NotAfter}
	}
	if report.Server != nil {
		r.Libvirt = report.Server.Libvirt
	}
}

// refuse takes over the step that failed, with the likeliest reason.
func (r *Result) refuse(verdict string, step connect.Step) {
	text, fix := step.Text, step.Fix
	if len(step.Likely) > 0 {
		if step.Likely[0].Sure {
			text += ": " + step.Likely[0].Text
		}
		fix = step.Likely[0].Fix
	}
	r.no(verdict, text, fix)
}

func (r *Result) no(verdict, text, fix string) {
	r.OK, r.Verdict, r.Text, r.Fix = false, verdict, text, fix
}

// short shortens a serial number for a line.
func short(serial string) string {
	if len(serial) > 8 {
		return serial[:8] + "…"
	}
	return serial
}

// signed holds the certificate that this CA last signed for each name of a server, in lower
// case. There may be several of the same instant. It is nil without records.
type signed map[string][]certinfo.Info

// readSigned reads the CA's records, if this machine has some.
func readSigned(m *machine.Machine) (signed, error) {
	placed, err := authority.Records(m)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(placed) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := make(signed)
	for _, p := range placed {
		if info := certinfo.Of(p.Cert, "", m.Now()); slices.Contains(info.Roles, "server") {
			all.add(info)
		}
	}
	return all, nil
}

func (s signed) add(info certinfo.Info) {
	info = certinfo.Info{Serial: info.Serial, Name: info.Name, DNS: info.DNS, IPs: info.IPs, NotBefore: info.NotBefore}
	names := append([]string{info.Name}, append(slices.Clone(info.DNS), info.IPs...)...)
	for i, name := range names {
		names[i] = strings.ToLower(name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		switch latest := s[name]; {
		case len(latest) == 0 || info.NotBefore.After(latest[0].NotBefore):
			s[name] = []certinfo.Info{info}
		case info.NotBefore.Equal(latest[0].NotBefore):
			s[name] = append(latest, info)
		}
	}
}

// later returns the certificate that was signed for a name after the served one.
func (s signed) later(name string, served certinfo.Info) (certinfo.Info, bool) {
	latest := s[strings.ToLower(name)]
	if len(latest) == 0 || slices.ContainsFunc(latest, func(c certinfo.Info) bool { return c.Serial == served.Serial }) {
		return certinfo.Info{}, false
	}
	return latest[0], true
}
