package main

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"virtpki/internal/hint"
	"virtpki/internal/machine"
	"virtpki/internal/store"
)

// outputMode is that of a file with requests or certificates: it holds no secret.
const outputMode fs.FileMode = 0o644

// writtenPEM reports whether a file is of PEM blocks that virtpki writes for one
// purpose, and of nothing else: a key beside a certificate, or somebody's remarks,
// would be lost.
func writtenPEM(types ...string) func([]byte) bool {
	return func(data []byte) bool {
		for len(bytes.TrimSpace(data)) > 0 {
			block, rest := pem.Decode(data)
			if block == nil || !slices.Contains(types, block.Type) {
				return false
			}
			text := bytes.TrimSpace(data[:len(data)-len(rest)])
			if !bytes.Equal(text, bytes.TrimSpace(pem.EncodeToMemory(block))) {
				return false // there is more than the block, or another tool has written it
			}
			data = rest
		}
		return true
	}
}

// The blocks of requests, of responses and of CRLs.
var (
	writtenRequests  = writtenPEM("CERTIFICATE REQUEST", "VIRTPKI KEY PROOF")
	writtenResponses = writtenPEM("CERTIFICATE", "X509 CRL")
	writtenCRLs      = writtenPEM("X509 CRL")
)

// writtenBy stands in a line at the beginning of a file that generate makes.
const writtenBy = "Written by: virtpki "

// writtenText reports whether a comment at the beginning of a file says that virtpki
// has written it.
func writtenText(data []byte) bool {
	for line := range strings.Lines(string(data)) {
		switch {
		case line == "---\n": // YAML
		case !strings.HasPrefix(line, "#"):
			return false
		case strings.Contains(line, writtenBy):
			return true
		}
	}
	return false
}

// writtenMetrics reports whether a file is one for Prometheus's text collector that
// virtpki has written.
func writtenMetrics(data []byte) bool { return bytes.HasPrefix(data, []byte("# HELP virtpki_")) }

// addForce adds the flag that has an output replace whatever is there.
func addForce(flags *pflag.FlagSet, force *bool) {
	flags.BoolVar(force, "force", false, "replace a file that is there already, though virtpki did not write it")
}

// planOutput plans a file that the user has named by a flag.
func planOutput(plan *store.Plan, o store.Output, flag string) error {
	o.Owner = machine.Owner()
	err := plan.Output(o)
	switch {
	case errors.Is(err, store.ErrPrivateKey):
		return hint.With(err, "choose another %s", flag)
	case errors.Is(err, store.ErrNotOurs) && flag == "--metrics":
		return hint.With(err, "remove it, or choose another %s", flag)
	case errors.Is(err, store.ErrNotOurs):
		return hint.With(err, "add --force to replace it, or choose another %s", flag)
	}
	return err
}
