package connect

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt/rpc"
	"virtpki/internal/machine"
	"virtpki/internal/termtext"
)

// GuestsReport holds the findings about a daemon and about the displays of its guests; its JSON
// form is stable.
type GuestsReport struct {
	*Report
	Displays []DisplayReport `json:"displays"`
}

// DisplayReport holds the findings about one display.
type DisplayReport struct {
	Guest   string  `json:"guest"`
	URI     string  `json:"uri,omitempty"`
	OK      bool    `json:"ok"`
	Skipped bool    `json:"skipped,omitempty"` // it cannot be reached from here
	Verdict string  `json:"verdict"`           // one of [Verdicts], empty if skipped
	Text    string  `json:"text"`
	Fix     string  `json:"fix,omitempty"`
	Report  *Report `json:"report,omitempty"`
}

// maxDisplays is the number of displays that are looked at. A host lists as many as it likes, and
// one that does not respond takes the whole of the time limit.
const maxDisplays = 1024

// displaysAtOnce is the number of displays that are looked at together.
const displaysAtOnce = 8

// guestsRun is one run.
type guestsRun struct {
	m    *machine.Machine
	r    Request
	host *connection
	base map[string]*connection // by scheme: the client's files are read once
}

// RunGuests does the same as [Run] and, if the daemon admits the client, looks at the displays
// of all guests that run there. r.Timeout is for the daemon, and for each display again.
func RunGuests(ctx context.Context, m *machine.Machine, r Request) (*GuestsReport, error) {
	if findService(r.URI) != nil {
		return nil, hint.Usagef("--guests is for libvirt's URIs: %q is a guest's own service", r.URI)
	}
	report, err := Run(ctx, m, r)
	if err != nil || !report.OK {
		return &GuestsReport{Report: report, Displays: []DisplayReport{}}, err
	}
	uri, err := r.target(m)
	if err != nil {
		return nil, err
	}
	host := &connection{m: m, uri: uri, release: release(ctx, m, "libvirt")}
	if err := hint.First(host.load(r.As), host.openPair()); err != nil {
		return nil, err
	}
	g := &guestsRun{m: m, r: r, host: host, base: map[string]*connection{}}
	guests, here, err := g.list(ctx)
	if err != nil {
		return nil, hint.With(err, "--guests needs a URI with the QEMU driver: qemu+tls://HOST/system")
	}
	all := &GuestsReport{Report: report, Displays: []DisplayReport{}}
	for _, guest := range guests {
		for _, d := range guest.Displays {
			all.Displays = append(all.Displays, g.plan(guest.Name, d, here))
		}
	}
	if n := len(all.Displays); n > maxDisplays {
		return nil, fmt.Errorf("%s: its guests have %d displays (virtpki checks at most %d)", r.URI, n, maxDisplays)
	}
	if err := g.visitAll(ctx, all.Displays); err != nil {
		return nil, err
	}
	for _, d := range all.Displays {
		if !d.OK && !d.Skipped {
			report.OK, report.Verdict = false, "display"
		}
	}
	return all, nil
}

// list asks for the guests. here reports whether the daemon was reached by a loopback address.
func (g *guestsRun) list(ctx context.Context) (guests []rpc.Guest, here bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, g.r.Timeout)
	defer cancel()
	conn, result, err := rpc.Connect(ctx, g.host.request())
	if err != nil {
		return nil, false, err
	}
	defer conn.Close()
	opens := g.host.uri.Opens
	if opens == "" {
		opens = "qemu:///system"
	}
	h, err := rpc.OpenGuests(ctx, conn, opens)
	if err != nil {
		return nil, false, err
	}
	guests, err = h.Guests(ctx)
	slices.SortStableFunc(guests, func(a, b rpc.Guest) int { return strings.Compare(a.Name, b.Name) }) // libvirt's order is random
	return guests, result.Remote.Addr().IsLoopback(), err
}

// plan returns the address at which a display is looked at, as virt-viewer does: the address
// where it listens, or the host's if it listens on all.
func (g *guestsRun) plan(guest string, d rpc.Display, here bool) DisplayReport {
	report := DisplayReport{Guest: guest}
	if d.Port == "" {
		report.Verdict, report.Text = "no-tls", "SPICE has no port with TLS"
		report.Fix = "on the server: virtpki config qemu --with spice --apply, then restart libvirtd and the guest"
		return report
	}
	at := g.host.uri.Host
	addr, err := netip.ParseAddr(d.Listen)
	switch {
	case d.Listen == "" || err == nil && addr.IsLoopback():
		if !here {
			report.Skipped, report.Text = true, d.Type+" listens only on the server's loopback address"
			return report
		}
	case err != nil || !addr.IsUnspecified():
		at = d.Listen
	}
	report.URI = d.Type + "://" + net.JoinHostPort(at, d.Port)
	return report
}

// visitAll looks at the displays that have a URI, a few at once.
func (g *guestsRun) visitAll(ctx context.Context, displays []DisplayReport) error {
	for i := range displays {
		if err := g.prepare(ctx, displays[i].URI); err != nil {
			return err
		}
	}
	slots := make(chan struct{}, displaysAtOnce)
	var visits sync.WaitGroup
	for i := range displays {
		if displays[i].URI == "" {
			continue
		}
		slots <- struct{}{}
		visits.Go(func() {
			defer func() { <-slots }()
			displays[i].see(g.visit(ctx, displays[i].URI))
		})
	}
	visits.Wait()
	if ctx.Err() != nil {
		return hint.ErrInterrupted
	}
	return nil
}

// prepare reads the client's files for the service of a URI, once for each.
func (g *guestsRun) prepare(ctx context.Context, uri string) error {
	s := findService(uri)
	if s == nil || g.base[s.scheme] != nil {
		return nil
	}
	c := &connection{m: g.m, service: s, pkipath: g.host.uri.PKIPath, release: release(ctx, g.m, s.product()), uri: g.host.uri}
	if err := c.load(g.r.As); err != nil {
		return err
	}
	g.base[s.scheme] = c
	if c.ownFiles() != nil {
		return nil // each display says so
	}
	return c.openPair()
}

// visit looks at one display.
func (g *guestsRun) visit(ctx context.Context, uri string) *Report {
	s := findService(uri)
	c := *g.base[s.scheme]
	parsed, err := s.parse(uri)
	if err != nil {
		c.no("no-address", Step{Name: "name", Side: networkSide, Text: err.Error(), Fix: s.listen})
		return c.report.finished()
	}
	c.uri, c.report = parsed, Report{URI: uri, Address: parsed.Address(), Rules: c.release.String(), Client: c.report.Client}
	if problem := c.ownFiles(); problem != nil {
		c.no("files", Step{Name: "files", Side: clientSide, Text: problem.Text, Fix: problem.Fix})
		return c.report.finished()
	}
	limited, cancel := context.WithTimeout(ctx, g.r.Timeout)
	defer cancel()
	c.ok("files", "%s", c.filesText())
	visit{&c}.run(limited)
	return c.report.finished()
}

// see takes over the report of the display.
func (d *DisplayReport) see(r *Report) {
	d.Report, d.OK, d.Verdict = r, r.OK, r.Verdict
	if step := r.Last(); !r.OK {
		d.Text, d.Fix = step.Text, step.Fix
		if len(step.Likely) > 0 {
			d.Text, d.Fix = step.Text+": "+step.Likely[0].Text, step.Likely[0].Fix
		}
		return
	}
	served := r.Chain[0]
	d.Text = served.DN + " until " + served.NotAfter.UTC().Format(time.DateOnly)
	switch r.Demands {
	case "yes":
		d.Text += ", demands a client certificate"
	case "no":
		d.Text += ", demands no client certificate"
	}
}

// Text returns the report of the daemon, and a line for each display.
func (r *GuestsReport) Text() termtext.Text {
	var b strings.Builder
	termtext.Fprintf(&b, "%s", r.Report.Text())
	for _, d := range r.Displays {
		word := "NO"
		if d.OK {
			word = "ok"
		} else if d.Skipped {
			word = "--"
		}
		where := d.URI
		if where != "" {
			where += "  "
		}
		if !d.OK && !d.Skipped {
			where += d.Verdict + ": "
		}
		termtext.Fprintf(&b, "%-2s  guest %s  %s%s\n", word, termtext.QuoteShort(d.Guest), where, d.Text)
		if d.Fix != "" {
			termtext.Fprintf(&b, "    do: %s\n", d.Fix)
		}
	}
	if r.OK && len(r.Displays) == 0 {
		termtext.Fprintf(&b, "no running guest there has a display that listens\n")
	}
	return termtext.Text(b.String())
}
