package starttls

import (
	"errors"
	"fmt"
	"io"
)

// Dialogue is a client's part in one connection. It is for one connection.
type Dialogue interface {
	// Begin speaks what comes before TLS. The error wraps [ErrNoTLS] where the server
	// speaks the protocol and offers no TLS with certificates, and is an [*OtherError]
	// where it speaks another one.
	Begin(conn io.ReadWriter) error
	// Confirm speaks what follows the handshake, until the server has shown that it
	// admits the client. The error is [ErrSilent] where only a wait can show that: this
	// server says nothing until the client does what a probe must not do.
	Confirm(conn io.ReadWriter) error
	// Offer words what the server offered before TLS, empty where there is no such part.
	Offer() string
	// Wants words what the server wants besides a certificate, empty for nothing.
	Wants() string
}

// The errors that callers tell apart.
var (
	ErrNoTLS  = errors.New("the server offers no TLS with certificates")
	ErrSilent = errors.New("the server says nothing first")
)

// OtherError is a server that does not speak the protocol.
type OtherError struct {
	Protocol string // the one that was expected
	Head     []byte // with which the server began
}

// Error names the protocol and the server's first bytes, quoted.
func (e *OtherError) Error() string {
	return fmt.Sprintf("the server does not speak %s: it begins with %q", e.Protocol, e.Head)
}

// Bare is the dialogue of a TLS port without any protocol around it: a character device.
type Bare struct{}

// Begin does nothing: TLS begins at once.
func (Bare) Begin(io.ReadWriter) error { return nil }

// Confirm returns [ErrSilent].
func (Bare) Confirm(io.ReadWriter) error { return ErrSilent }

// Offer returns "".
func (Bare) Offer() string { return "" }

// Wants returns "".
func (Bare) Wants() string { return "" }

// wire reads and writes until the first error; what is read after it is zero.
type wire struct {
	rw  io.ReadWriter
	err error
}

func (w *wire) read(n int) []byte {
	b := make([]byte, n)
	if w.err == nil {
		_, w.err = io.ReadFull(w.rw, b)
	}
	if w.err != nil {
		clear(b)
	}
	return b
}

func (w *wire) write(b []byte) {
	if w.err == nil {
		_, w.err = w.rw.Write(b)
	}
}

// fail keeps the first error.
func (w *wire) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}
