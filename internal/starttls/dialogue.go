package starttls

import (
	"errors"
	"fmt"
	"io"
)

// Dialogue is a client's part in one connection, and cannot be used for another.
type Dialogue interface {
	// Begin speaks the protocol before TLS. The error wraps [ErrNoTLS] if the server speaks the
	// protocol but does not offer TLS with certificates. It is an [*OtherError] if the server
	// speaks another protocol.
	Begin(conn io.ReadWriter) error
	// Confirm speaks the protocol after the handshake, until the server has shown that it
	// admits the client. The error is [ErrSilent] if only a wait can show that: this server
	// says nothing until the client does something that a probe must not do.
	Confirm(conn io.ReadWriter) error
	// Offer words the server's offer before TLS; empty if the protocol has none.
	Offer() string
	// Wants words the authentication that the server wants besides a certificate; empty for
	// none.
	Wants() string
}

// The errors that callers tell apart.
var (
	ErrNoTLS  = errors.New("the server offers no TLS with certificates")
	ErrSilent = errors.New("the server does not speak first")
)

// OtherError is the error for a server that does not speak the protocol.
type OtherError struct {
	Protocol string // the expected one
	Head     []byte // the first bytes from the server
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

// wire reads and writes until the first error. Later reads return zero.
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
