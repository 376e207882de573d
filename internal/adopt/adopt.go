package adopt

import (
	"context"

	"virtpki/internal/change"
	"virtpki/internal/enroll"
	"virtpki/internal/hint"
	"virtpki/internal/machine"
)

// Request says which key pairs to install, and how. The embedded request holds all but the
// certificates.
type Request struct {
	Source
	enroll.Response
	Hostnames []string // by which clients know this machine; empty for the machine's own names
}

// Install reads the key pairs of a source, checks them and installs them, as [enroll.Install]
// does with a response. Without a job nothing has changed.
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

// names returns the names by which peers know the machine; nil if they are not known.
func (r Request) names(m *machine.Machine) ([]string, error) {
	if len(r.Hostnames) > 0 {
		return r.Hostnames, nil
	}
	if !m.Live() {
		return nil, nil // the machine of the image has a name of its own
	}
	names, err1 := m.Names()
	ips, err2 := m.Addresses()
	for _, ip := range ips {
		names = append(names, ip.String())
	}
	return names, hint.First(err1, err2)
}
