package renewal

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/enroll"
	"virtpki/internal/hint"
	"virtpki/internal/inventory"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/provision"
	"virtpki/internal/reload"
	"virtpki/pki"
)

// Request says which certificates are renewed, and how. With Force, the files for other
// programs (the metrics and the requests) replace files that virtpki has not written.
type Request struct {
	Rule
	SameKey      bool                       // keep the keys
	ReplaceLinks bool                       // put files in the place of links; without it, files behind a link are left to the person who made the link
	Templates    map[pki.Role]*pki.Template // none to keep the usages that are here
	// KeepExtras renews with the names, purposes and extensions that the built-in template does
	// not have. The CA's key has to be here.
	KeepExtras bool
	QEMU       *provision.QEMU // directories to fill, and the CA of the certificates to renew; nil for none, and libvirt's
	Reload     reload.Options
	Metrics    string // file for Prometheus; empty for none

	// Via is the command that takes requests to the CA and prints the response, if the CA's key
	// is not on this machine; empty leaves the requests in a file.
	Via string
	// Issuer takes the requests in place of a command; nil for none.
	Issuer Issuer
	// NewSubject accepts a new subject that a CA elsewhere gives.
	NewSubject bool
	// TrustNew are CAs that a response may bring though they are new here.
	TrustNew enroll.Fingerprints
}

// Outcome is the outcome of a run.
type Outcome int

// The outcomes.
const (
	Failed    Outcome = iota // before anything was done: the error says it all
	Idle                     // nothing is due
	Due                      // something is; nothing was done about it
	Requested                // requests wait to be taken to the CA
	Renewed                  // the job holds the changes
)

// Report holds the findings and the actions of a run.
type Report struct {
	Outcome
	Installed []Installed // everything that was looked at
	Due       []Installed // those that the outcome is about
	Job       *change.Job // nil if nothing was done
	Requests  string      // the file in which they wait
	Told      []string    // what becomes of the requests, without the CA's key
	Next      []string    // steps that are left to do

	CAEnds time.Time // set when the CA needs a successor
	CASoon bool      // and there are few days left for it
	Left   []string  // certificates that are not renewed, and why
	Own    []string  // those at paths of a program's own that are due, and are not renewed here
	Unused []string  // the same, of programs that do not need one today
	Stale  []string  // in a dry run: daemons that would be made to read their files again
}

// Run renews the due certificates of a machine, makes daemons and guests read them, and
// verifies that they do. If a check fails, the error is hint.ErrRefused.
func Run(ctx context.Context, m *machine.Machine, request Request, keys *change.Keyring, o change.Options) (*Report, error) {
	if request.QEMU == nil {
		request.QEMU = &provision.QEMU{}
	}
	if request.QEMU.CA != "" {
		m = m.WithCA(request.QEMU.CA)
	}
	o.ReplaceLinks = request.ReplaceLinks
	r := &renewal{Request: request, m: m, keys: keys, o: o, list: inventory.Of(ctx, m), report: &Report{}}
	err := r.run(ctx)
	err = hint.First(err, r.ownDue(), r.report.caDue())
	if failed := r.writeMetrics(err); failed != nil {
		return r.report, errors.Join(err, failed)
	}
	return r.report, err // as it is: the status alone reports a failed check
}

// caSoon is how long before its end cron mails that a CA does not have a successor: renewing
// does not help then, and a rollover takes days.
const caSoon = 30 * pki.Day

// renewal is one run.
type renewal struct {
	Request
	m      *machine.Machine
	keys   *change.Keyring
	o      change.Options
	list   *inventory.List // the users of TLS here
	report *Report

	// The findings of the last look.
	found  []*candidate
	left   []string     // the files that are not renewed, and why
	others []*candidate // QEMU's that another CA has signed
	own    []*ownPair
	crl    string // why the CRL is due; empty when it is not
	crlErr error  // why the due CRL cannot be written
	caEnds time.Time

	seen *authority.Authority // the CA as the first look has read it, until it has decided something

	renewed []*candidate
	// unanswered is set when the CA did not respond to a request.
	unanswered bool
	// serving is set when something changes that a daemon serves.
	serving bool
}

// change decides and applies, under the locks of some directories.
func (r *renewal) change(ctx context.Context, lock []string, decide func(*change.Job) error) (*change.Job, error) {
	o := r.o
	o.Lock = lock
	return change.Run(ctx, r.m, o, decide)
}

// reloader deals with the daemons and guests here, and with those whose files at other paths
// this run renews.
func (r *renewal) reloader(j *change.Job) *reload.Reloader {
	d := reload.New(r.m, r.Reload, j)
	if r.serverFailed() {
		d.LeaveSystem()
	}
	for _, cert := range minded(r.found) {
		d.Mind(cert)
	}
	return d
}

// minded returns the certificates among some candidates that lie at paths that a daemon's
// configuration names.
func minded(found []*candidate) (certs []string) {
	for _, c := range found {
		if c.place == ofDaemon {
			certs = append(certs, c.pair.CertPath)
		}
	}
	return certs
}

// end records the outcome of the run, and the candidates that it is about.
func (r *renewal) end(outcome Outcome, about []*candidate) {
	r.report.Outcome, r.report.Installed, r.report.Due = outcome, installed(r.found), installed(about)
}

// run renews the certificates, and records the result in the report.
func (r *renewal) run(ctx context.Context) error {
	o := r.o
	o.Lock = []string{r.m.CAPath(), r.m.System().Top()}
	o.Since = r.m.Tree().Marks(o.Lock...)
	var err error
	if r.seen, err = r.look(); err != nil {
		return err
	}
	r.report.CAEnds, r.report.Left = r.caEnds, r.left
	r.report.CASoon = !r.caEnds.IsZero() && r.caEnds.Sub(r.m.Now()) < caSoon
	if !r.anythingDue() {
		return r.nothingDue(ctx)
	}
	if keyAbsent(r.m) {
		return elsewhere{renewal: r}.run(ctx)
	}
	return r.renewHere(ctx, o)
}

// renewHere renews with the CA's key.
func (r *renewal) renewHere(ctx context.Context, o change.Options) error {
	j, err := change.Run(ctx, r.m, o, r.decide)
	if err != nil {
		return err
	}
	r.end(Renewed, r.renewed)
	r.report.Job = j
	var proven error
	if !r.o.DryRun && len(j.Plan.Changes()) > 0 {
		if r.serving {
			proven = r.reloader(j).ProveOrRollBack(ctx, reload.Back{Pairs: r.swapped()})
		}
		proven = errors.Join(proven, r.refreshGuests(ctx, j))
	}
	return errors.Join(proven, r.failures())
}

// keyAbsent reports whether the CA's key is on another machine.
func keyAbsent(m *machine.Machine) bool {
	_, err := m.Tree().Lstat(libvirt.CA(m.CAPath()).Path(libvirt.CAKey))
	return errors.Is(err, fs.ErrNotExist)
}

// serverFailed reports whether the server's certificate could not be read or renewed. Then
// there is nothing that a daemon could be made to serve.
func (r *renewal) serverFailed() bool {
	for _, c := range r.found {
		if c.place == ofSystem && c.role == pki.Server && c.err != nil {
			return true
		}
	}
	return false
}

// swapped lists the layouts of the daemons that have a renewed pair.
func (r *renewal) swapped() []libvirt.Layout {
	var layouts []libvirt.Layout
	for _, c := range r.renewed {
		if c.ofDaemons() && !slices.ContainsFunc(layouts, func(l libvirt.Layout) bool { return keypair.Held(l) == keypair.Held(c.layout) }) {
			layouts = append(layouts, c.layout)
		}
	}
	return layouts
}

// refused returns the error of a run that has left something to do; failures come before it.
func (r *renewal) refused() error { return hint.First(r.failures(), hint.ErrRefused) }
