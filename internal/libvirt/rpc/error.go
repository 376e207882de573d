package rpc

import "fmt"

// DaemonError is a refusal by the daemon.
type DaemonError struct {
	Code    int // virErrorNumber
	Message string
}

// Error returns the daemon's own words.
func (e *DaemonError) Error() string { return e.Message }

// The refusals that callers tell apart, for [errors.Is]; only the codes count
// (libvirt, include/libvirt/virterror.h).
var (
	ErrNoServer = &DaemonError{Code: 95, Message: "no such server"}
	ErrNoClient = &DaemonError{Code: 96, Message: "no such client"}
)

// errNoIdentity is the code, libvirt's "internal error", of the refusal to tell
// about a client in the handshake: "No identity information available for client".
var errNoIdentity = &DaemonError{Code: 1, Message: "no identity"}

// Is reports whether target is a DaemonError of the same code.
func (e *DaemonError) Is(target error) bool {
	other, ok := target.(*DaemonError)
	return ok && other.Code == e.Code
}

// The rest of the message repeats it in pieces.
func decodeError(body []byte) error {
	x := xdrReader{rest: body}
	code := x.uint32()
	x.uint32() // domain
	message := x.optionalString()
	if x.err != nil {
		return fmt.Errorf("error reply: %w", x.err)
	}
	if message == "" {
		message = fmt.Sprintf("error %d without a message", int32(code))
	}
	return &DaemonError{Code: int(int32(code)), Message: message}
}
