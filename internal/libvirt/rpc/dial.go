package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"virtpki/internal/resolver"
)

// resolve returns the addresses of a host's name, or the host itself if it is an address, in
// the order in which they are to be tried. It also returns the port.
func resolve(ctx context.Context, address string) ([]netip.Addr, string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, "", err
	}
	addrs, err := resolver.Lookup(ctx, host)
	if err != nil {
		return nil, "", cause(ctx, err)
	}
	return addrs, port, nil
}

// dialAny connects to the first of the addresses that answers, one after the other as libvirt
// does (src/rpc/virnetsocket.c). Each gets its share of the remaining time, so that an address
// that swallows packets does not take it all.
func dialAny(ctx context.Context, addrs []netip.Addr, port string) (net.Conn, error) {
	var errs []error
	for i, addr := range addrs {
		conn, err := dialOne(ctx, net.JoinHostPort(addr.String(), port), len(addrs)-i)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, nobodyListens(err))
	}
	return nil, joinDials(errs)
}

func dialOne(ctx context.Context, address string, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok {
		share, cancel := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
		defer cancel()
		ctx = share
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

// joinDials joins the errors of several addresses to one line. The result means that nobody
// listens only if each of them means that.
func joinDials(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	nobody := len(errs) > 0
	var texts []string
	for _, err := range errs {
		nobody = nobody && errors.Is(err, ErrNobodyListens)
		texts = append(texts, strings.TrimPrefix(err.Error(), ErrNobodyListens.Error()+": "))
	}
	joined := errors.New(strings.Join(texts, "; "))
	if nobody {
		return fmt.Errorf("%w: %w", ErrNobodyListens, joined)
	}
	return joined
}

// nobodyListens marks the errors of a dial that mean that nobody listens.
func nobodyListens(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("%w: %w", ErrNobodyListens, err)
	}
	return err
}

// LocalAddress turns an address on which a program of this machine listens into one to connect
// to, host:port.
func LocalAddress(host, port string) string {
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port)
}
