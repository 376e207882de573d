package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"virtpki/internal/connect"
	"virtpki/internal/hint"
)

const connectHelp = `--connect does what a client of libvirt's does and says which step fails, who says
no, and what to do: the client's own files, the name, TCP, TLS, the server's
certificate and its host name, the byte by which libvirt lets a client in, then
real calls: which authentication is wanted, opening the driver of the URI, the
name of the host and its libvirt.

URI is what virsh takes (qemu+tls://hv1/system,
test+tls://[fd09::7]:16514/default, with pkipath=, no_verify=1, no_sanity=1 and
the versions in tls_priority=), or an alias of libvirt.conf, or HOST, HOST:PORT or
[V6]:PORT, for which any driver or none is good. The files are those that libvirt
would read here: the system's for root, else ~/.pki/libvirt and what it falls back
to, or those of pkipath; --as connects with another pair. Files and certificates
are judged by the rules of the libvirt that is installed here, else by what all
releases agree on.

Run as root on the server itself, it looks at the daemon's conf, list and CRL to
say which of them refuses a client, and whether what is served is what is on disk.`

const connectExample = `  virtpki check --connect qemu+tls://hv1.example/system
  virtpki check --connect hv1:16514 --as clientcert.pem,clientkey.pem
  virtpki check --connect 'qemu+tls://hv1/system?pkipath=/root/alice' --json`

// connectOptions are the flags of check --connect.
type connectOptions struct{ connect.Request }

func (o *connectOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.URI, "connect", "", "connect to `URI` as a client does, and say what fails where")
	flags.StringVar(&o.As, "as", "", "with --connect: connect with another client pair, `CERT,KEY`")
	flags.DurationVar(&o.Timeout, "timeout", 15*time.Second, "with --connect: `time` for all of it")
	cmd.MarkFlagFilename("as")
	completeFrom(cmd, "connect", "qemu+tls://", "test+tls://")
}

// runCheckConnect connects and tells. That something says no is the exit status.
func runCheckConnect(ctx context.Context, e *env, g *globals, o *connectOptions) error {
	report, err := connect.Run(ctx, g.Machine, o.Request)
	if err != nil {
		return err
	}
	if err = e.printVerdict(g, report); err == nil && !report.OK {
		err = hint.ErrRefused
	}
	return err
}
