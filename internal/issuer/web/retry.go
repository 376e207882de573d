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

// The pauses between two attempts: at most firstPause before the second one, twice as long
// before each that follows, and never longer than maxPause.
const (
	firstPause = time.Second
	maxPause   = 30 * time.Second
)

// broken is an error of the network, after which another attempt may succeed.
type broken struct{ error }

func (b *broken) Unwrap() error { return b.error }

// isPassing reports whether another attempt may succeed.
func isPassing(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Code == http.StatusTooManyRequests || status.Code/100 == 5 && status.Code != http.StatusNotImplemented
	}
	return errors.As(err, new(*broken))
}

// Unreachable reports whether a CA did not respond, or said that it cannot at the moment: the
// same request may succeed later.
func Unreachable(err error) bool { return isPassing(err) }

// isUntrusted reports whether the server is not the intended one. Another attempt does not
// change that.
func isUntrusted(err error) bool {
	return errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(x509.UnknownAuthorityError)) ||
		errors.As(err, new(x509.HostnameError)) || errors.As(err, new(x509.CertificateInvalidError)) || errors.Is(err, errRedirect) || errors.As(err, new(errOtherHost))
}

// pause returns how long to wait after an attempt. The time is random, so that a whole fleet
// does not connect at once when its CA comes back. If the server names a time, pause respects
// it.
func pause(attempt int, err error) time.Duration {
	longest := min(firstPause<<(attempt-1), maxPause)
	wait := rand.N(longest)
	var status *StatusError
	if errors.As(err, &status) && status.after > 0 {
		wait = min(status.after, maxPause) + rand.N(firstPause)
	}
	return wait
}

// retryAfter reads the seconds of a Retry-After header (RFC 9110 section 10.2.3). It ignores a
// date, which would be compared with a clock that may be wrong.
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
