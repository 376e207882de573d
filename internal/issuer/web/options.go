package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The default time limit of one attempt, and the default number of attempts.
const (
	DefaultTimeout  = 30 * time.Second
	DefaultAttempts = 4
)

// Options name the server and how to connect to it.
type Options struct {
	URL   string         // address of the CA, without a slash at its end
	Trust *x509.CertPool // CAs that may have signed the server's certificate; nil for the system's
	// Unverified accepts any certificate of the server: for data that the caller verifies.
	Unverified bool
	// Redirects are the hosts, with or without a port, to which the server may redirect a
	// request besides itself. Without a port they are at that of URL.
	Redirects []string
	Proxy     string           // address of a proxy; empty for that of the environment, NoProxy for none
	Timeout   time.Duration    // of an attempt; zero for DefaultTimeout
	Attempts  int              // zero for DefaultAttempts
	Now       func() time.Time // the time at which certificates are verified; nil for the clock
	// Sleep waits between attempts; nil for real pauses. Tests do not wait.
	Sleep func(context.Context, time.Duration) error
}

// NoProxy as [Options.Proxy] connects to the CA without a proxy, even if the environment names
// one.
const NoProxy = "none"

// Client is a client of one CA.
type Client struct {
	o    Options
	http *http.Client
}

// New returns a client for options that [CheckURL] has passed.
func New(o Options) *Client {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Attempts == 0 {
		o.Attempts = DefaultAttempts
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	// HTTP/1.1 alone: a build with the tag nethttpomithttp2, as releases are, behaves as one
	// without it.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	transport := &http.Transport{
		Proxy:                  o.proxy(),
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Trust, InsecureSkipVerify: o.Unverified, Time: o.Now},
		MaxResponseHeaderBytes: 64 << 10,
		Protocols:              protocols,
	}
	return &Client{o, &http.Client{Transport: transport, CheckRedirect: o.checkRedirect}}
}

// Close ends the connections of the client.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (o *Options) proxy() func(*http.Request) (*url.URL, error) {
	switch o.Proxy {
	case "":
		return http.ProxyFromEnvironment
	case NoProxy:
		return nil
	}
	return func(*http.Request) (*url.URL, error) { return url.Parse(o.Proxy) }
}

// CheckURL returns an error for a wrong address of a server. Secrets do not belong in it.
func CheckURL(text string, schemes ...string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return fmt.Errorf("%q is not an address such as %s://ca.example.com", text, schemes[0])
	case u.User != nil:
		return errors.New("an address must not contain a name or a password")
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q must end with its path", text)
	}
	for _, scheme := range schemes {
		if u.Scheme == scheme {
			return nil
		}
	}
	return fmt.Errorf("%q does not begin with %s://", text, strings.Join(schemes, ":// or "))
}
