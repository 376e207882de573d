package change

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/machine"
	"virtpki/internal/store"
)

// OutputMode is the mode of a file with requests or certificates: it holds no secret.
const OutputMode fs.FileMode = 0o644

// writtenPEM returns a function that reports whether a file has only PEM blocks that virtpki
// writes for one purpose. A key beside a certificate, or somebody's remarks, would be lost.
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

// These functions report whether virtpki has written a file of requests, of responses or of
// CRLs.
var (
	WrittenRequests  = writtenPEM("CERTIFICATE REQUEST", "VIRTPKI KEY PROOF")
	WrittenResponses = writtenPEM("CERTIFICATE", "X509 CRL")
	WrittenCRLs      = writtenPEM("X509 CRL")
)

// WrittenBy stands in a line at the beginning of a generated file.
const WrittenBy = "Written by: virtpki "

// WrittenText reports whether a comment at the beginning of a file says that virtpki
// has written it.
func WrittenText(data []byte) bool {
	for line := range strings.Lines(string(data)) {
		switch {
		case line == "---\n": // YAML
		case !strings.HasPrefix(line, "#"):
			return false
		case strings.Contains(line, WrittenBy):
			return true
		}
	}
	return false
}

// WrittenMetrics reports whether a file is one for Prometheus's text collector that
// virtpki has written.
func WrittenMetrics(data []byte) bool { return bytes.HasPrefix(data, []byte("# HELP virtpki_")) }

// PlanOutput plans a file that the user has named by a flag. The hint of its error says how to
// avoid it.
func PlanOutput(plan *store.Plan, o store.Output, flag string) error {
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
