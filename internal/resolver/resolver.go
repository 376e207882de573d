package resolver

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Limits of one look-up.
const (
	timeout   = 10 * time.Second
	waitDelay = time.Second
	maxOutput = 64 << 10 // bytes that getent may print
)

// notFound is the exit status of getent for a name that it does not find (glibc, nss/getent.c).
const notFound = 2

// Lookup returns the addresses of a host name, each once, in the order in which a program tries
// them. An address stands for itself. Lookup takes at most ten seconds. The error for a name
// that does not exist is a [net.DNSError] with IsNotFound.
func Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr.Unmap()}, nil
	}
	if host == "" || strings.HasPrefix(host, "-") || strings.ContainsAny(host, " \t\r\n\x00") {
		return nil, noHost(host)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	addrs, err := getent(ctx, host)
	var dns *net.DNSError
	if err == nil || errors.As(err, &dns) || ctx.Err() != nil {
		return addrs, err
	}
	addrs, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, err
}

// noHost returns the error for a name that does not exist, in the words of Go's resolver.
func noHost(host string) error {
	return &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// getent asks the system's resolver. An error other than a [net.DNSError] means that it could
// not be asked.
func getent(ctx context.Context, host string) ([]netip.Addr, error) {
	cmd := exec.CommandContext(ctx, "getent", "ahosts", host)
	cmd.WaitDelay = waitDelay
	out := &limited{left: maxOutput}
	cmd.Stdout = out
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &exit) && exit.ExitCode() == notFound:
		return nil, noHost(host)
	case err != nil:
		return nil, err
	}
	addrs := parse(out.String())
	if len(addrs) == 0 {
		return nil, noHost(host)
	}
	return addrs, nil
}

// parse reads the output of "getent ahosts": an address, a socket type and perhaps a name on
// each line. It ignores a line without an address.
func parse(text string) []netip.Addr {
	var addrs []netip.Addr
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if addr, err := netip.ParseAddr(fields[0]); err == nil && !slices.Contains(addrs, addr.Unmap()) {
			addrs = append(addrs, addr.Unmap())
		}
	}
	return addrs
}

// limited keeps the beginning of the bytes written to it, and drops the rest.
type limited struct {
	bytes.Buffer
	left int
}

func (l *limited) Write(data []byte) (int, error) {
	keep := data[:min(len(data), l.left)]
	l.left -= len(keep)
	l.Buffer.Write(keep)
	return len(data), nil
}
