package revocation

import (
	"context"
	"errors"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/machine"
	"virtpki/internal/reload"
	"virtpki/internal/store"
	"virtpki/pki"
)

// CRL says how the CRL is made, and who reads it.
type CRL struct {
	Validity time.Duration
	Copy     store.Output   // copy for other hosts; without a path none
	Reload   reload.Options // of the daemons and guests here
}

// Request says which certificates to revoke.
type Request struct {
	CRL
	What   []string // names, serials in hexadecimal, or paths of PEM files
	Reason pki.Reason
	All    bool // a name means each live certificate that carries it, without a question
	// Confirm asks a person whether all the certificates of a name are meant. If nobody can be
	// asked, it returns ErrNobodyToAsk.
	Confirm func(question string) (bool, error)
}

// ErrNobodyToAsk is the error of [Request.Confirm] for a run without a terminal.
var ErrNobodyToAsk = errors.New("there is no terminal to ask on")

// Run revokes certificates and ends their access on this machine. Without a job nothing has
// changed; an error beside a job names the part that failed.
func Run(ctx context.Context, m *machine.Machine, r Request, keys *change.Keyring, o change.Options) (*change.Job, error) {
	f := &finder{Request: r, m: m, agreed: make(map[string]bool), mayAsk: true}
	f.All = f.All || o.DryRun
	return (&publication{CRL: r.CRL, m: m, keys: keys, find: f.find}).run(ctx, o)
}

// Refresh signs the CRLs again: the same entries, the next number, fresh dates. It is Run
// without certificates to revoke.
func Refresh(ctx context.Context, m *machine.Machine, c CRL, keys *change.Keyring, o change.Options) (*change.Job, error) {
	return (&publication{CRL: c, m: m, keys: keys}).run(ctx, o)
}

// publication is one run.
type publication struct {
	CRL
	m       *machine.Machine
	keys    *change.Keyring
	daemons []running.Daemon
	// find returns the certificates to revoke, and the new entries of the CRLs; nil to refresh.
	find func(*change.Job, *authority.Authority) ([]entry, authority.Entries, error)

	// The result of the last decision.
	a   *authority.Authority
	out []entry
}

// run makes the CRLs, installs them, and makes the daemons and guests here use them.
func (p *publication) run(ctx context.Context, o change.Options) (*change.Job, error) {
	var err error
	if err := p.m.CheckClock(); err != nil {
		return nil, err
	}
	if p.daemons, err = p.Reload.Daemons(ctx, p.m); err != nil {
		return nil, err
	}
	o.Lock = []string{p.m.CAPath(), p.m.System().Top()}
	j, err := change.Run(ctx, p.m, o, p.decide)
	if err != nil || o.DryRun {
		return j, err
	}
	r := reload.New(p.m, p.Reload, j)
	return j, errors.Join(p.enforce(ctx, r, j), r.Guests(ctx, reload.Changed{Any: true}))
}

// decide plans the CRLs. If all certificates are already revoked, by a run that may have been
// interrupted, the CRLs stay as they are and are installed again.
func (p *publication) decide(j *change.Job) error {
	a, err := authority.Open(p.m)
	if err != nil {
		return err
	}
	if err := hint.First(a.Unlock(p.keys), a.LoadCRL()); err != nil {
		return err
	}
	p.a, p.out = a, nil
	r := authority.CRLRequest{Validity: p.Validity, Copy: p.Copy, Daemons: p.daemons}
	if p.find == nil {
		return a.PlanCRL(j, p.m, r)
	}
	if p.out, r.Add, err = p.find(j, a); err != nil {
		return err
	}
	if len(r.Add) == 0 {
		return a.PlanCurrent(j, p.m, r)
	}
	return a.PlanCRL(j, p.m, r)
}
