package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// How long is waited between two attempts: at most firstPause before the second one, twice
// as long before each that follows, and never longer than maxPause.
const (
	firstPause = time.Second
	maxPause   = 30 * time.Second
)

// broken is an error of the network, behind which another attempt may go well.
type broken struct{ error }

func (b *broken) Unwrap() error { return b.error }

// isPassing reports whether another attempt may go well.
func isPassing(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Code == http.StatusTooManyRequests || status.Code/100 == 5 && status.Code != http.StatusNotImplemented
	}
	return errors.As(err, new(*broken))
}

// Unreachable reports whether a CA did not respond, or said that it cannot now: the same
// request may go well later.
func Unreachable(err error) bool { return isPassing(err) }

// isUntrusted reports whether the server is not the one that is meant. No attempt changes
// that.
func isUntrusted(err error) bool {
	return errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(x509.UnknownAuthorityError)) ||
		errors.As(err, new(x509.HostnameError)) || errors.As(err, new(x509.CertificateInvalidError)) || errors.Is(err, errRedirect)
}

// pause returns how long to wait after an attempt: a random time, so that a fleet whose CA
// comes back does not ask in one moment. A server that names a time is waited for.
func pause(attempt int, err error) time.Duration {
	longest := min(firstPause<<(attempt-1), maxPause)
	wait := rand.N(longest)
	var status *StatusError
	if errors.As(err, &status) && status.after > 0 {
		wait = min(status.after, maxPause) + rand.N(firstPause)
	}
	return wait
}

// retryAfter reads the seconds of a Retry-After header (RFC 9110 section 10.2.3). A date in
// it is passed over: it would be compared with a clock that may be wrong.
func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, int(maxPause/time.Second))) * time.Second
}

// sleep waits, unless the run ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
