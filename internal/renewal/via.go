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

// How long --via may take, and how long its children may run after it.
const (
	viaTimeout = 5 * time.Minute
	viaGrace   = 5 * time.Second
)

// Issuer is a CA that is a service. Its String names it.
type Issuer interface {
	// Ask returns the response to requests. Without requests it returns the CAs and the CRL.
	Ask(context.Context, []*pki.CSR) (*pki.Answer, error)
	String() string
}

// asks reports whether requests are taken to the CA at once.
func (r *Request) asks() bool { return r.Via != "" || r.Issuer != nil }

// asked names the CA, or the command that reaches it.
func (r *Request) asked() string {
	if r.Issuer != nil {
		return r.Issuer.String()
	}
	return fmt.Sprintf("with %q", r.Via)
}

// ask sends the requests to the CA and reads its response. Without a response the live
// certificates stay in use, and the next run asks again.
func (r elsewhere) ask(ctx context.Context, csrs []*pki.CSR) (answer *pki.Answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, viaTimeout)
	defer cancel()
	if r.Issuer == nil {
		answer, err = r.askCommand(ctx, csrs)
	} else if answer, err = r.Issuer.Ask(ctx, csrs); err != nil {
		if _, hinted := hint.Of(err); !hinted {
			err = hint.With(err, livesOn)
		}
	}
	r.unanswered = r.unanswered || err != nil
	return answer, err
}

// livesOn says that nothing changes when a CA does not respond.
const livesOn = "run it again when the CA can be reached; the live certificates are unchanged, and the new keys wait"

// askCommand runs the command that takes the requests to the CA. If only the CRL is due, it
// sends the CA certificates that are trusted here.
func (r elsewhere) askCommand(ctx context.Context, csrs []*pki.CSR) (*pki.Answer, error) {
	question := pki.EncodeCSRs(csrs...)
	if len(csrs) == 0 {
		a, err := authority.Open(r.m)
		if err != nil {
			return nil, err
		}
		question = pki.EncodeCertificates(a.Certificates...)
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", r.Via)
	cmd.WaitDelay = viaGrace
	cmd.Stdin, cmd.Stderr = bytes.NewReader(question), r.Reload.Output
	data, err := boundedOutput(cmd)
	if err != nil {
		return nil, hint.With(fmt.Errorf("asking the CA with %q: %w", r.Via, err), livesOn)
	}
	answer, err := pki.ParseAnswer(data)
	if err != nil {
		return nil, fmt.Errorf("the response of %q: %w", r.Via, err)
	}
	return answer, nil
}

// boundedOutput returns the output of a command, up to the greatest length of a response.
func boundedOutput(cmd *exec.Cmd) ([]byte, error) {
	out := &bounded{left: store.MaxPEM}
	cmd.Stdout = out
	err := cmd.Run()
	if out.left < 0 {
		return nil, fmt.Errorf("it printed more than %d bytes", store.MaxPEM)
	}
	return out.Bytes(), err
}

// bounded keeps the bytes that are written up to a length, and refuses the rest.
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
