package renewal

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/hint"
	"virtpki/internal/store"
	"virtpki/pki"
)

// How long --via may take, and what is left to its children after it.
const (
	viaTimeout = 5 * time.Minute
	viaGrace   = 5 * time.Second
)

// askCA sends the requests to the CA and reads its response. Where only the CRL is
// due it sends the CA certificates that are trusted here.
func (r elsewhere) askCA(ctx context.Context, csrs []*pki.CSR) (*pki.Answer, error) {
	question := pki.EncodeCSRs(csrs...)
	if len(csrs) == 0 {
		a, err := authority.Open(r.m)
		if err != nil {
			return nil, err
		}
		question = pki.EncodeCertificates(a.Certificates...)
	}
	ctx, cancel := context.WithTimeout(ctx, viaTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", r.Via)
	cmd.WaitDelay = viaGrace
	cmd.Stdin, cmd.Stderr = bytes.NewReader(question), r.Reload.Output
	data, err := boundedOutput(cmd)
	if err != nil {
		return nil, hint.With(fmt.Errorf("asking the CA with %q: %w", r.Via, err), "the live certificates are as they were; the keys wait")
	}
	answer, err := pki.ParseAnswer(data)
	if err != nil {
		return nil, fmt.Errorf("the response of %q: %w", r.Via, err)
	}
	return answer, nil
}

// boundedOutput is what a command prints, as far as a response can be long.
func boundedOutput(cmd *exec.Cmd) ([]byte, error) {
	out := &bounded{left: store.MaxPEM}
	cmd.Stdout = out
	err := cmd.Run()
	if out.left < 0 {
		return nil, fmt.Errorf("it prints more than %d bytes", store.MaxPEM)
	}
	return out.Bytes(), err
}

// bounded keeps what is written up to a length, and refuses the rest.
type bounded struct {
	bytes.Buffer
	left int
}

func (b *bounded) Write(data []byte) (int, error) {
	if b.left -= len(data); b.left < 0 {
		return 0, io.ErrShortBuffer
	}
	return b.Buffer.Write(data)
}
