package connect

import (
	"context"
	"fmt"
	"strings"
	"time"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/termtext"
)

// Client is a client of libvirt's whose files were read once, for connections to many hosts.
// Several goroutines may use it.
type Client struct {
	base connection
	uri  string
}

// AnyHost stands in a URI for the host that is meant.
const AnyHost = "HOST"

// Prepare reads the client's files and judges them, as [Run] does. r.URI has [AnyHost] in the
// place of the host; an empty one means the host alone, for which any driver will do. Files
// that libvirt refuses are an error: no host could be reached with them.
func Prepare(ctx context.Context, m *machine.Machine, r Request) (*Client, error) {
	if r.URI == "" {
		r.URI = AnyHost
	}
	cl := &Client{uri: r.URI}
	if !strings.Contains(cl.uri, AnyHost) || findService(cl.uri) != nil {
		return nil, hint.With(hint.Usagef("%q does not contain HOST", r.URI), "for many hosts: qemu+tls://%s/system", AnyHost)
	}
	uri, err := r.target(m)
	if err != nil {
		return nil, err
	}
	c := &cl.base
	*c = connection{m: m, uri: uri, release: release(ctx, m, "libvirt"), distant: true}
	if err := c.load(r.As); err != nil {
		return nil, err
	}
	if problem := c.ownFiles(); problem != nil {
		return nil, hint.With(hint.Usagef("%s", problem.Text), "%s", problem.Fix)
	}
	return cl, c.openPair()
}

// Look connects to a host. dial is its address; empty for the address of its name. The error is
// for a text that cannot be a name.
func (cl *Client) Look(ctx context.Context, host, dial string, limit time.Duration) (*Report, error) {
	bare := host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	text := strings.Replace(cl.uri, AnyHost, host, 1)
	uri, err := libvirt.ParseRemoteURI(text)
	if err != nil {
		return nil, err
	}
	if uri.Host != bare { // the list brings more of the URI than its host
		return nil, fmt.Errorf("%s is not the name of a host", termtext.QuoteShort(bare))
	}
	c := cl.base
	uri.PKIPath, uri.Priority = c.uri.PKIPath, c.uri.Priority
	c.uri, c.dial = uri, dial
	c.report = Report{URI: text, Address: uri.Address(), Opens: uri.Opens, Rules: c.release.String(), Client: c.report.Client}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c.meet(limited, ctx)
	return c.report.finished(), nil
}
