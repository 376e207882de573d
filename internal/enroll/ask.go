package enroll

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"virtpki/internal/authority"
	"virtpki/internal/certinfo"
	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Request says which certificates are requested, and where the requests go.
type Request struct {
	Asker
	Identities []subject.Identity
	// Due returns why a certificate that is here has to be renewed, and nothing if it does not.
	// Without Due all are requested.
	Due   func(live *keypair.Pair) ([]string, error)
	Out   string // the file for the requests; empty for none
	Force bool   // replace a file that virtpki has not written
}

// Ask makes the keys that will wait, and returns the requests for their certificates.
func Ask(ctx context.Context, r Request, o change.Options) (*change.Job, []*pki.CSR, error) {
	var made []*pki.CSR
	o.Lock = []string{r.Machine.LockOf(r.To.Layout)}
	j, err := change.Run(ctx, r.Machine, o, func(j *change.Job) (err error) {
		made, err = r.decide(j)
		return err
	})
	return j, made, err
}

// decide plans the keys that wait, and the file with the requests.
func (r *Request) decide(j *change.Job) ([]*pki.CSR, error) {
	var made []*pki.CSR
	for _, id := range r.Identities {
		live := keypair.New(j.Plan.Tree(), r.To.Layout, id.Role)
		reasons, err := r.whyAsked(live, id)
		if err != nil {
			return nil, err
		}
		if len(reasons) == 0 {
			continue
		}
		if r.Due != nil {
			j.Did("%s: %s", live.CertPath, strings.Join(reasons, "; "))
		}
		csr, err := r.Plan(j, id)
		if err != nil {
			return nil, err
		}
		made = append(made, csr)
	}
	if r.Out == "" || len(made) == 0 {
		return made, nil
	}
	r.next(j)
	return made, change.PlanOutput(&j.Plan, store.Output{
		Path: r.Out, Data: pki.EncodeCSRs(made...), Mode: change.OutputMode, Ours: change.WrittenRequests, Force: r.Force,
	}, "--out")
}

// next adds the way of the file with the requests, to the CA and back.
func (r *Request) next(j *change.Job) {
	asked := filepath.Base(r.Out)
	response := strings.TrimSuffix(asked, filepath.Ext(asked)) + ".pem"
	if response == asked {
		response = "response.pem"
	}
	j.Next("at the CA, with this file: virtpki sign %s --out %s (or with the CA's own tool)", termtext.ShellWord(asked), termtext.ShellWord(response))
	j.Next("here, with the response: virtpki %sinstall %s", r.Machine.Flags(), termtext.ShellWord(response))
}

// whyAsked returns why a certificate is requested; nothing if it is not.
func (r *Request) whyAsked(live *keypair.Pair, id subject.Identity) ([]string, error) {
	if r.Due == nil {
		return []string{"asked for"}, nil
	}
	if err := live.ReadCert(); err != nil {
		return nil, err
	}
	if live.Cert == nil {
		return []string{"there is none yet"}, nil
	}
	reasons, err := r.Due(live)
	switch {
	case errors.Is(err, authority.ErrNone):
		return []string{"no CA is trusted here"}, nil
	case err != nil:
		return nil, err
	}
	return append(reasons, r.unlike(live.Cert, id)...), nil
}

// unlike lists the differences between a certificate and the one that would be requested. An
// additional name does not count, and neither does the organisation, which the CA decides.
func (r *Request) unlike(cert *x509.Certificate, id subject.Identity) (reasons []string) {
	switch {
	case id.RawSubject != nil && !bytes.Equal(id.RawSubject, cert.RawSubject):
		reasons = append(reasons, "it is called "+subject.Of(cert))
	case id.RawSubject == nil && cert.Subject.CommonName != id.Name:
		reasons = append(reasons, fmt.Sprintf("it is called %s, not %s", subject.Of(cert), id.Name))
	}
	if missing := id.Lacking(cert); id.Role == pki.Server && missing != "" {
		reasons = append(reasons, "lacks "+missing)
	}
	if have, _ := pki.KeyTypeOf(cert.PublicKey); r.KeyTypeGiven && have != r.KeyType {
		reasons = append(reasons, fmt.Sprintf("its key is %s, not %s", certinfo.CertKeyType(cert), r.KeyType))
	}
	return reasons
}
