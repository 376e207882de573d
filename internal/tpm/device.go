package tpm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/google/go-tpm/legacy/tpm2"
	"github.com/google/go-tpm/tpmutil"
)

// Device is the TPM of the running machine, behind the kernel's resource manager.
const Device = "/dev/tpmrm0"

// Errors that a caller can act on.
var (
	// ErrNone says that the machine has no TPM 2.0.
	ErrNone = errors.New("no TPM 2.0 is there")
	// ErrAnother says that the key does not belong to this TPM, or that the TPM was cleared.
	ErrAnother = errors.New("the key belongs to another TPM, or this one was cleared")
	// ErrWrongPassphrase says that the TPM has refused the passphrase of the key.
	ErrWrongPassphrase = errors.New("wrong passphrase")
	// ErrLocked says that the TPM does not accept a passphrase for a time.
	ErrLocked = errors.New("the TPM is locked: it takes no passphrase for a time")
)

// How long the TPM may take for one command: slow ones need half a minute for an RSA key.
const commandTimeout = 5 * time.Minute

// channel is the connection with a TPM. It takes one command at a time.
type channel struct {
	free chan struct{} // holds one element while no command runs
	ctx  func() error
	end  <-chan struct{}
	rw   io.ReadWriteCloser
}

// open connects to the TPM at a path: a device, or the Unix socket of an emulator. ctx
// bounds every command.
func open(ctx context.Context, path string) (*channel, error) {
	rw, err := tpmutil.OpenTPM(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w (%s)", ErrNone, path)
	}
	if err != nil {
		return nil, err
	}
	c := &channel{free: make(chan struct{}, 1), ctx: ctx.Err, end: ctx.Done(), rw: rw}
	c.free <- struct{}{}
	return c, nil
}

// do runs commands while no others run. A call to a device cannot be interrupted: do leaves
// behind a command that takes too long, or that the end of the context interrupts.
func (c *channel) do(commands func(io.ReadWriter) error) error {
	timer := time.NewTimer(commandTimeout)
	defer timer.Stop()
	done := make(chan error, 1)
	begin := c.free
	for {
		select {
		case <-begin:
			begin = nil
			go func() {
				defer func() { c.free <- struct{}{} }()
				done <- guarded(c.rw, commands)
			}()
		case err := <-done:
			return worded(err)
		case <-c.end:
			return c.ctx()
		case <-timer.C:
			return errors.New("no response in time")
		}
	}
}

// guarded turns a panic of the library, which trusts a TPM's replies, into an error.
func guarded(rw io.ReadWriter, commands func(io.ReadWriter) error) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the TPM sends a malformed reply")
		}
	}()
	return commands(rw)
}

// worded returns the error of this package that corresponds to an error of the TPM.
func worded(err error) error {
	var session tpm2.SessionError
	var parameter tpm2.ParameterError
	var warning tpm2.Warning
	switch {
	case errors.As(err, &session) && (session.Code == tpm2.RCAuthFail || session.Code == tpm2.RCBadAuth):
		return ErrWrongPassphrase
	case errors.As(err, &parameter) && parameter.Code == tpm2.RCIntegrity:
		return ErrAnother
	case errors.As(err, &warning) && warning.Code == tpm2.RCLockout:
		return ErrLocked
	}
	return err
}

// close ends the connection.
func (c *channel) close() { c.rw.Close() }
