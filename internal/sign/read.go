package sign

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// incoming is one file with requests.
type incoming struct {
	name      string
	csrs      []*pki.CSR // none: only the CA and the CRL are wanted
	granted   []decision // by the policy, under the CA in signing.like
	decisions []decision // after the check against earlier certificates
	out       string     // where its response goes; empty for no file
	response  *pki.Answer
}

// read reads every file, before anything is decided.
func (s *signing) read() error {
	seen := make(map[string]string)
	for _, file := range s.Files {
		in := &incoming{name: file.Name, out: s.Out}
		if err := s.readOne(in, file.Data); err != nil {
			return err
		}
		if s.OutDir != "" {
			in.out = filepath.Join(s.OutDir, responseName(file.Name))
			if other := seen[in.out]; other != "" {
				return hint.Usagef("the responses to %s and %s would both be %s", other, file.Name, in.out)
			}
			seen[in.out] = file.Name
		}
		s.files = append(s.files, in)
	}
	return nil
}

// readOne reads the requests of one file, and verifies their signatures and proofs. This happens
// before the CA is read, and without its lock.
func (s *signing) readOne(in *incoming, data []byte) (err error) {
	if in.csrs, err = requestsIn(data); err != nil {
		return fmt.Errorf("%s: %w", in.name, err)
	}
	if n := len(in.csrs); s.Unattended && n > s.AtMost {
		return hint.With(fmt.Errorf("%s contains %d requests, and --yes signs at most %d of one file", in.name, n, s.AtMost), "--at-most %d signs them all", n)
	}
	for i, csr := range in.csrs {
		if err := csr.Check(); err != nil {
			return in.about(i, err)
		}
	}
	return nil
}

// which names a request of the file.
func (in *incoming) which(i int) string {
	return fmt.Sprintf("%s, request %d (%s)", in.name, i+1, subject.OfRequest(in.csrs[i]))
}

// about puts the name of a request before an error of it.
func (in *incoming) about(i int, err error) error {
	return fmt.Errorf("%s: %w", in.which(i), err)
}

// requestsIn returns the requests of a file. A file that holds a CRL or a CA has none.
func requestsIn(data []byte) ([]*pki.CSR, error) {
	csrs, err := pki.ParseCSRs(data)
	if errors.Is(err, pki.ErrNoCSR) {
		if response, err := pki.ParseAnswer(data); err == nil && len(response.Leafs) == 0 {
			return nil, nil
		}
		return nil, hint.With(err, "make a request with: virtpki request host")
	}
	return csrs, err
}

// responseName returns the name of the file for the response to a file.
func responseName(file string) string {
	base := filepath.Base(file)
	return strings.TrimSuffix(base, filepath.Ext(base)) + ".pem"
}
