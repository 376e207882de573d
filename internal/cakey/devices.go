package cakey

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"virtpki/internal/hint"
	"virtpki/internal/pkcs11"
	"virtpki/internal/tpm"
)

// Ask returns the PIN of a device: from a file that the user named, or from the terminal.
type Ask func(prompt string) ([]byte, error)

// Devices holds the keys in devices that one run uses. Each is opened once, even if that fails,
// so that a wrong PIN is tried once. The zero value is ready.
type Devices struct {
	Interrupted <-chan struct{} // closed when the run is to end; may be nil
	Image       string          // the --root of the run; empty for the running machine
	TPM         string          // path of the TPM; empty for the machine's own

	mu     sync.Mutex
	opened map[string]opened
	close  []func()
}

// opened is the result of opening a key, or of making one.
type opened struct {
	key   crypto.Signer
	found bool   // it was in the device already
	file  []byte // of a key that was made and is nowhere else
	err   error
}

// Open returns the key that a file's contents name.
func (d *Devices) Open(data []byte, ask Ask) (crypto.Signer, error) {
	form, block := device(data)
	switch form {
	case "":
		return nil, errNoDevice
	case TPM:
		o := d.once(string(block.Bytes), func() opened {
			key, err := d.loadTPM(block.Bytes, ask)
			return opened{key: key, err: err}
		})
		return o.key, o.err
	}
	u, err := pkcs11.ParsePEM(block)
	if err != nil {
		return nil, err
	}
	o := d.once(u.String(), func() opened {
		key, err := d.named(u, ask)
		return opened{key: key, err: err}
	})
	return o.key, o.err
}

// named returns the key of a token that a file names. A file of an image only says which key:
// if it could also name a PIN's file and a module of this machine, the maker of the image could
// have this machine's tokens sign, and code run.
func (d *Devices) named(u *pkcs11.URI, ask Ask) (crypto.Signer, error) {
	if d.Image == "" {
		return d.token(u, ask, (*pkcs11.Session).Key)
	}
	if err := d.allow(u); err != nil {
		return nil, err
	}
	bare, err := pkcs11.ParseURI(u.Place())
	if err != nil {
		return nil, err
	}
	key, err := d.token(bare, ask, (*pkcs11.Session).Key)
	if errors.Is(err, pkcs11.ErrNoToken) && u.ModulePath != "" {
		err = hint.With(err, "have p11-kit know the token's module (p11-kit list-modules): with --root virtpki does not load a module that a file names")
	}
	return key, err
}

// once returns the earlier result of open for a name, or calls open.
func (d *Devices) once(name string, open func() opened) opened {
	d.mu.Lock()
	defer d.mu.Unlock()
	o, known := d.opened[name]
	if !known {
		o = open()
		if d.opened == nil {
			d.opened = make(map[string]opened)
		}
		d.opened[name] = o
	}
	return o
}

// Close ends the sessions with all devices.
func (d *Devices) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, end := range d.close {
		end()
	}
	d.close, d.opened = nil, nil
}

// context returns a context that ends with the run.
func (d *Devices) context() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-d.Interrupted:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// token opens the token of a URI and takes a key out of it. The session lasts as long as d.
func (d *Devices) token(u *pkcs11.URI, ask Ask, take func(*pkcs11.Session) (*pkcs11.Key, error)) (crypto.Signer, error) {
	if err := d.allow(u); err != nil {
		return nil, err
	}
	ctx, cancel := d.context()
	s, err := pkcs11.Open(ctx, u, func(t pkcs11.Token) ([]byte, error) { return d.pinOf(u, t, ask) })
	var key *pkcs11.Key
	if err == nil {
		d.close = append(d.close, func() {
			s.Close()
			cancel()
		})
		key, err = take(s)
	}
	if err == nil {
		return key, nil
	}
	if ctx.Err() != nil {
		return nil, hint.ErrInterrupted
	}
	if s == nil {
		cancel()
	}
	return nil, explain(u, err)
}

// allow refuses a URI of an image if the URI would run a program from the image.
func (d *Devices) allow(u *pkcs11.URI) error {
	if d.Image == "" || u.Command == "" && (u.ModulePath == "" || outside(d.Image, u.ModulePath)) {
		return nil
	}
	return hint.With(fmt.Errorf("the key %s needs a program that only the files below --root name, and virtpki does not run it", u.Place()),
		"run virtpki on the machine itself, or with --ca and without --root")
}

// outside reports whether a path is absolute and not below a directory.
func outside(directory, path string) bool {
	rel, err := filepath.Rel(directory, path)
	return err == nil && filepath.IsAbs(path) && (rel == ".." || strings.HasPrefix(rel, "../"))
}

// hints holds the next step for each error of a token.
var hints = []struct {
	err  error
	text string
}{
	{pkcs11.ErrWrongPIN, "correct the PIN before the next run: virtpki tried it once, and a token locks itself after a few tries"},
	{pkcs11.ErrPINLocked, "unlock the token with its vendor's tool"},
	{pkcs11.ErrLastTry, "log in once with the right PIN by the token's own tool, which resets its counter"},
	{pkcs11.ErrNoToken, "connect the token; its label and the module are those of the URI"},
	{pkcs11.ErrNoKey, "connect the token that holds the key; the URI names it"},
	{tpm.ErrNone, "run virtpki on the machine with the TPM that made the key, as a user who may open the TPM"},
	{tpm.ErrAnother, "run virtpki on the machine with the TPM that made the key; if its TPM was cleared, the key is lost: make another CA"},
	{tpm.ErrLocked, "wait, or reset its dictionary attack lock"},
	{pkcs11.ErrPINValue, "write the PIN into a file of mode 0600, and name that with pin-source=file:PATH"},
}

// explain words an error of a token: the key, its state, and the next step.
func explain(u *pkcs11.URI, err error) error {
	return withHint(fmt.Errorf("the key %s cannot be used: %w", u.Place(), err))
}

// withHint adds the next step to an error of a device.
func withHint(err error) error {
	worded := err
	if _, hinted := hint.Of(err); hinted {
		return worded
	}
	for _, h := range hints {
		if errors.Is(err, h.err) {
			return hint.With(worded, "%s", h.text)
		}
	}
	return worded
}
