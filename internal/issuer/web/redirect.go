package web

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// errRedirect is the error for a redirect that is never followed.
var errRedirect = errors.New("it redirects to another type of address")

// errOtherHost is the error for a redirect to a host that nobody has named. Its text is the
// address, with the port only where that differs.
type errOtherHost string

func (e errOtherHost) Error() string {
	return fmt.Sprintf("it redirects to another host: %.200q", string(e))
}

// Hint returns the line that names the host.
func (e errOtherHost) Hint() string {
	if CheckHost(string(e)) != nil {
		return "no host can have that name: ask the CA's administrators"
	}
	return fmt.Sprintf("if that host belongs to the same CA, name it: redirects: [%q] in the issuer's file, --redirect %[1]s of issuer init", string(e))
}

// checkRedirect follows the redirects of a standby node of Vault (307) to its active node. The
// request that is repeated there holds a token, so the host must be that of the first request or
// one that the options name: otherwise anyone who answers in its place would get the token.
// Other redirects change the request into another one, or come from a login page.
func (o *Options) checkRedirect(request *http.Request, via []*http.Request) error {
	code := 0
	if request.Response != nil {
		code = request.Response.StatusCode
	}
	first := via[0].URL
	switch {
	case len(via) > 3:
		return errors.New("it redirects more than 3 times")
	case code != http.StatusTemporaryRedirect && code != http.StatusPermanentRedirect,
		first.Scheme == "https" && request.URL.Scheme != "https":
		return fmt.Errorf("%w: %q (status %d)", errRedirect, request.URL.Redacted(), code)
	case !isNamed(request.URL, first, o.Redirects):
		return elsewhere(request.URL, first)
	}
	for name, values := range via[0].Header {
		request.Header[name] = values
	}
	return nil
}

// isNamed reports whether an address is on the host of the first request, or on one of hosts.
func isNamed(to, first *url.URL, hosts []string) bool {
	return addressOf(to) == addressOf(first) || slices.ContainsFunc(hosts, func(host string) bool {
		u, err := url.Parse("https://" + host)
		if err == nil && u.Port() == "" {
			u.Host = net.JoinHostPort(u.Hostname(), portOf(first))
		}
		return err == nil && addressOf(u) == addressOf(to)
	})
}

// addressOf returns the host and the port of an address, for comparisons. It makes only ASCII
// lower-case: other letters have an ASCII letter as their lower case (U+0130), but belong to
// another host.
func addressOf(u *url.URL) string {
	lower := func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	return net.JoinHostPort(strings.Map(lower, strings.TrimSuffix(u.Hostname(), ".")), portOf(u))
}

func portOf(u *url.URL) string {
	if u.Scheme == "http" {
		return cmp.Or(u.Port(), "80")
	}
	return cmp.Or(u.Port(), "443")
}

// elsewhere returns the error for a redirect to a host that nobody has named.
func elsewhere(to, first *url.URL) error {
	if portOf(to) == portOf(first) {
		return errOtherHost(strings.TrimSuffix(to.Host, ":"+to.Port()))
	}
	return errOtherHost(to.Host)
}

// maxHost is the length of the longest DNS name with a port, in bytes.
const maxHost = 260

// CheckHost returns an error for a text that is not a host, with or without a port.
func CheckHost(text string) error {
	u, err := url.Parse("https://" + text)
	odd := func(r rune) bool {
		return r > 'z' || (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("-_.:[]", r)
	}
	if err != nil || u.Host != text || u.Hostname() == "" || strings.HasSuffix(text, ":") || len(text) > maxHost || strings.ContainsFunc(text, odd) {
		return fmt.Errorf("%.80q is not a host, such as vault-2.example.com or vault-2.example.com:8200", text)
	}
	return nil
}
