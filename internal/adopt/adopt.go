package adopt

import (
	"context"

	"virtpki/internal/change"
	"virtpki/internal/enroll"
	"virtpki/internal/hint"
	"virtpki/internal/machine"
)

// Request says which key pairs are to be put in place, and how. Of the response it is told
// all but the certificates.
type Request struct {
	Source
	enroll.Response
	Hostnames []string // by which clients know this machine; none for what the machine says
}

// Install reads the key pairs of a source, judges them and puts them in place, as
// [enroll.Install] does with a response. Without a job nothing has changed.
func Install(ctx context.Context, m *machine.Machine, r Request, keys *change.Keyring, o change.Options) (*change.Job, error) {
	f, err := r.Source.read()
	if err != nil {
		return nil, err
	}
	answer := f.Answer
	r.Answer = &answer
	if r.Given, err = assign(f.pairs); err != nil {
		return nil, err
	}
	if r.Names, err = r.names(m); err != nil {
		return nil, err
	}
	return enroll.Install(ctx, m, r.Response, keys, o)
}

// names returns those by which peers know the machine; nil where that cannot be told.
func (r Request) names(m *machine.Machine) ([]string, error) {
	if len(r.Hostnames) > 0 {
		return r.Hostnames, nil
	}
	if !m.Live() {
		return nil, nil // the machine whose image it is has a name of its own
	}
	names, err1 := m.Names()
	ips, err2 := m.Addresses()
	for _, ip := range ips {
		names = append(names, ip.String())
	}
	return names, hint.First(err1, err2)
}
