package rpc

import (
	"context"
	"net"
	"time"
)

// callTimeout bounds a call if its context has no deadline.
const callTimeout = 30 * time.Second

// caller calls one program of a daemon. Only one goroutine may use it at a time. After an error
// that is not a [*DaemonError] the connection cannot be used any more.
type caller struct {
	conn             net.Conn
	program, version uint32
	serial           uint32
}

// call sends a request and returns the body of its reply. It skips messages that are not a
// reply to it, such as a keepalive's.
func (c *caller) call(ctx context.Context, procedure uint32, body []byte) ([]byte, error) {
	ctx, cancel := bounded(ctx, callTimeout)
	defer cancel()
	release := guard(ctx, c.conn)
	defer release()
	c.serial++
	h := header{c.program, c.version, procedure, typeCall, c.serial, statusOK}
	if _, err := c.conn.Write(encodeMessage(h, body)); err != nil {
		return nil, cause(ctx, err)
	}
	h.kind = typeReply
	for {
		got, body, err := readMessage(c.conn)
		if err != nil {
			return nil, cause(ctx, err)
		}
		status := got.status
		got.status = statusOK
		switch {
		case got != h:
		case status == statusOK:
			return body, nil
		default:
			return nil, decodeError(body)
		}
	}
}

// bounded gives ctx a deadline unless it has one.
func bounded(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

// guard makes reads and writes of conn fail once ctx is done. The caller calls release when it
// has finished with conn.
func guard(ctx context.Context, conn net.Conn) (release func()) {
	conn.SetDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}

// cause returns the reason why ctx ended, if it did, else err.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
