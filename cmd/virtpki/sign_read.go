package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// The largest input of sign, in bytes: the requests of some 50,000 hosts. And how many
// requests of one file --yes signs unless told: a host has two, and whoever may send
// requests by itself must not fill the CA's records.
const (
	maxSignInput  = 64 << 20
	defaultAtMost = 16
)

// incoming is one file that sign is given.
type incoming struct {
	name    string
	csrs    []*pki.CSR // none: only the CA and the CRL are wanted
	granted []order    // by the policy, under the CA that signing.like tells
	orders  []order    // as far as what was signed before allows it
	out     string     // where its answer goes; empty for stdout
	answer  *pki.Answer
}

// read reads every file, before anything is decided.
func (s *signing) read(names []string) error {
	seen := make(map[string]string)
	for _, name := range names {
		in := &incoming{name: name, out: s.o.out}
		if err := s.readOne(in); err != nil {
			return err
		}
		if s.o.outDir != "" {
			in.out = filepath.Join(s.o.outDir, answerName(name))
			if other := seen[in.out]; other != "" {
				return hint.Usagef("the answers to %s and %s would both be %s", other, name, in.out)
			}
			seen[in.out] = name
		}
		s.files = append(s.files, in)
	}
	return nil
}

// readOne reads the requests of one file, and checks what they prove: before the CA is
// looked at, and without its lock.
func (s *signing) readOne(in *incoming) error {
	data, err := s.readInput(in.name, maxSignInput)
	if err != nil {
		return err
	}
	if in.csrs, err = requestsIn(data); err != nil {
		return fmt.Errorf("%s: %w", inputName(in.name), err)
	}
	if n := len(in.csrs); s.o.yes && n > s.o.atMost {
		return hint.With(fmt.Errorf("%s holds %d requests, and --yes signs at most %d of one file", inputName(in.name), n, s.o.atMost), "--at-most %d signs them all", n)
	}
	for i, csr := range in.csrs {
		if err := csr.Check(); err != nil {
			return in.about(i, err)
		}
	}
	return nil
}

// about puts the name of a request before an error of it.
func (in *incoming) about(i int, err error) error {
	return fmt.Errorf("%s, request %d (%s): %w", inputName(in.name), i+1, subject.OfRequest(in.csrs[i]), err)
}

// requestsIn are the requests of a file; none in one that holds a CRL or a CA.
func requestsIn(data []byte) ([]*pki.CSR, error) {
	csrs, err := pki.ParseCSRs(data)
	if errors.Is(err, pki.ErrNoCSR) {
		if answer, err := pki.ParseAnswer(data); err == nil && len(answer.Leafs) == 0 {
			return nil, nil
		}
		return nil, hint.With(err, "a request is made by: virtpki request host")
	}
	return csrs, err
}

func inputName(file string) string {
	if file == "-" {
		return "stdin"
	}
	return file
}

// answerName is the file for the answer to a file.
func answerName(file string) string {
	if file == "-" {
		return "stdin.pem"
	}
	base := filepath.Base(file)
	return strings.TrimSuffix(base, filepath.Ext(base)) + ".pem"
}
