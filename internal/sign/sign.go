package sign

import (
	"bytes"
	"context"
	"crypto/x509"
	"path/filepath"
	"slices"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/inventory"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Request says which files to answer, and how.
type Request struct {
	Files  []File
	Policy Policy

	// Unattended says that nobody looks at the certificates before they are signed. A
	// request that somebody would have to look at is then refused.
	Unattended bool
	AtMost     int // requests in one file, if it is unattended

	AfterRevocation bool     // sign even if the last certificate was revoked
	Replace         []string // names that are granted though a live certificate with another key has them
	Reuse           bool     // answer with the certificate that was signed before, while it is good

	Out    string // the file for the response to all files; empty for none
	OutDir string // the directory with a response to each file; empty for none
	Force  bool   // replace files that virtpki has not written

	// Confirm is called once before anything is signed. An error of it ends the run.
	Confirm func(Offer) error
}

// File holds the requests of one sender.
type File struct {
	Name string // for people
	Data []byte
}

// Result is the result of a run.
type Result struct {
	*change.Job
	Response *pki.Answer // to all files
}

// signing is one run.
type signing struct {
	Request
	m      *machine.Machine
	keys   *change.Keyring
	files  []*incoming
	like   string // the CA under which the requests were granted
	marks  string // of the CA's directory when known was read
	known  *authority.Earlier
	claims *claims

	shown     map[string]bool // notes on names that a person was shown
	confirmed bool            // nothing else is shown: the question was answered
}

// Run answers requests. keys opens the CA's key; the run locks the CA's directory.
func Run(ctx context.Context, m *machine.Machine, r Request, keys *change.Keyring, o change.Options) (*Result, error) {
	s := &signing{Request: r, m: m, keys: keys, shown: make(map[string]bool)}
	if err := m.CheckClock(); err != nil {
		return nil, err
	}
	if err := s.read(); err != nil {
		return nil, err
	}
	if _, err := s.consider(); err != nil {
		return nil, err
	}
	s.confirmed = true
	if err := r.Confirm(s.offer()); err != nil {
		return nil, err
	}
	o.Lock = []string{m.CAPath()}
	j, err := change.Run(ctx, m, o, s.decide)
	if err != nil {
		return nil, err
	}
	j.Steps = append(j.Steps, inventory.Of(ctx, m).Refusing(s.newClients())...)
	return &Result{j, s.whole()}, nil
}

// newClients returns the DNs of the clients that were signed, without those that have a live
// certificate already.
func (s *signing) newClients() (names []string) {
	for _, in := range s.files {
		for _, cert := range in.response.Leafs {
			had := func(live *x509.Certificate) bool { return bytes.Equal(live.RawSubject, cert.RawSubject) }
			if slices.Contains(pki.RolesOf(cert), pki.Client) && !slices.ContainsFunc(s.claims.live, had) {
				names = append(names, subject.Of(cert))
			}
		}
	}
	return names
}

// decide signs the granted certificates, and plans the records and the responses.
func (s *signing) decide(j *change.Job) error {
	a, err := s.consider()
	if err != nil {
		return err
	}
	if err := a.Unlock(s.keys); err != nil {
		return err
	}
	for _, in := range s.files {
		if err := s.respond(j, a, in); err != nil {
			return err
		}
	}
	return s.planResponses(j)
}

// respond makes the response to one file.
func (s *signing) respond(j *change.Job, a *authority.Authority, in *incoming) error {
	in.response = &pki.Answer{CAs: a.Certificates, CRLs: a.Lists}
	if a.CRL == nil {
		j.Next("make a CRL, which the CA lacks: virtpki crl")
	}
	if len(in.decisions) == 0 {
		j.Did("%s: the response contains the current CA and CRL", in.name)
	}
	for i, d := range in.decisions {
		cert, err := s.certificate(j, a, d, in.csrs[i])
		if err != nil {
			return in.about(i, err)
		}
		in.response.Leafs = append(in.response.Leafs, cert)
	}
	return nil
}

// certificate signs one, or with Reuse finds the one that was signed before.
func (s *signing) certificate(j *change.Job, a *authority.Authority, d decision, csr *pki.CSR) (*x509.Certificate, error) {
	if s.Reuse {
		if cert := s.reusable(a, d); cert != nil {
			j.Did("%s: the response is the certificate that was signed before (serial %s)", subject.Of(cert), store.SerialText(cert.SerialNumber))
			return cert, nil
		}
	}
	cert, err := a.Certify(j, authority.Order{Leaf: s.Policy.Leaf, Identity: d.Identity, PublicKey: csr.PublicKey, Now: s.m.Now()}, "")
	if err != nil {
		return nil, err
	}
	return cert, hint.First(s.Policy.hold(a, d, cert), d.holdNames(cert))
}

// reusable returns a certificate for the same key that a new one would equal except for its dates,
// and that has most of its lifetime left.
func (s *signing) reusable(a *authority.Authority, d decision) *x509.Certificate {
	for _, cert := range d.before {
		_, revoked := a.FindRevoked(cert.SerialNumber)
		if !revoked && s.m.Now().Before(pki.Window{}.CertificateOpens(cert)) &&
			cert.CheckSignatureFrom(a.CA.Certificate) == nil && d.describes(cert, a.CA.Certificate) && s.Policy.hold(a, d, cert) == nil {
			return cert
		}
	}
	return nil
}

// planResponses plans the files that the responses go to.
func (s *signing) planResponses(j *change.Job) error {
	if s.OutDir != "" {
		if err := j.Plan.Parents(s.OutDir, 0o755, nil); err != nil {
			return err
		}
		j.Next("on each host, with its file of %s: virtpki install FILE", termtext.ShellWord(s.OutDir))
		for _, in := range s.files {
			if err := s.planResponse(j, in.out, "--out-dir", in.response); err != nil {
				return err
			}
		}
		return nil
	}
	if s.Out == "" {
		return nil
	}
	j.Next("on the host that asked, with this file: virtpki install %s", termtext.ShellWord(filepath.Base(s.Out)))
	return s.planResponse(j, s.Out, "--out", s.whole())
}

func (s *signing) planResponse(j *change.Job, path, flag string, response *pki.Answer) error {
	return change.PlanOutput(&j.Plan, store.Output{
		Path: path, Data: response.Encode(), Mode: change.OutputMode, Ours: change.WrittenResponses, Force: s.Force,
	}, flag)
}

// whole returns one response to all files.
func (s *signing) whole() *pki.Answer {
	whole := &pki.Answer{CAs: s.files[0].response.CAs, CRLs: s.files[0].response.CRLs}
	for _, in := range s.files {
		whole.Leafs = append(whole.Leafs, in.response.Leafs...)
	}
	return whole
}
