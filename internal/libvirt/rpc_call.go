package libvirt

import (
	"context"
	"net"
	"time"
)

// rpcTimeout bounds a call whose context has no deadline.
const rpcTimeout = 30 * time.Second

// rpcClient calls one program of a daemon. It is for one goroutine at a time. After
// an error that is not a [*DaemonError] the connection is of no use any more.
type rpcClient struct {
	conn             net.Conn
	program, version uint32
	serial           uint32
}

// call sends a request and returns the body of its reply. Messages that are no
// reply to it, such as a keepalive's, are passed over.
func (c *rpcClient) call(ctx context.Context, procedure uint32, body []byte) ([]byte, error) {
	ctx, cancel := bounded(ctx, rpcTimeout)
	defer cancel()
	release := guard(ctx, c.conn)
	defer release()
	c.serial++
	h := rpcHeader{c.program, c.version, procedure, rpcTypeCall, c.serial, rpcOK}
	if _, err := c.conn.Write(encodeRPC(h, body)); err != nil {
		return nil, cause(ctx, err)
	}
	h.kind = rpcTypeReply
	for {
		got, body, err := readRPC(c.conn)
		if err != nil {
			return nil, cause(ctx, err)
		}
		status := got.status
		got.status = rpcOK
		switch {
		case got != h:
		case status == rpcOK:
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

// guard makes reads and writes of conn fail once ctx is done. The caller calls
// release when it is through with conn.
func guard(ctx context.Context, conn net.Conn) (release func()) {
	conn.SetDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}

// cause is the reason for which ctx ended, if it did, else err.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
