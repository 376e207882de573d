package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"virtpki/internal/store"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// revokeOptions are the flags of revoke.
type revokeOptions struct {
	crlOptions
	reason string
	all    bool
}

const revokeHelp = `Revoke certificates, and see to it that they are refused from now on: write a new
CRL, install it where the daemon here reads one, have the daemon read it again,
end the live connections of the revoked clients, and prove it with a handshake
where the revoked key is at hand.

WHAT is the CN of a certificate that the CA here has signed, a serial in
hexadecimal, or a PEM file. Where a name has several live certificates they are
listed: give their serials, or --all.

The exit status is 0 when all of that is so. Where no daemon runs, the CRL is
written and what is left to do is said. A daemon with files of its own cannot be
made to read them again without a restart, which would be another's decision:
give --restart-command, or restart it yourself.

Reasons: keyCompromise, cACompromise, affiliationChanged, superseded,
cessationOfOperation, certificateHold, privilegeWithdrawn.`

func newRevoke(e *env, g *globals) *cobra.Command {
	o := &revokeOptions{}
	cmd := &cobra.Command{
		Use:     "revoke NAME|SERIAL|FILE...",
		Short:   "Revoke certificates and end their access now",
		Long:    help(revokeHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki revoke alice --reason keyCompromise\n  virtpki revoke 6F5FEE175D10C35785A142804053C36E\n  virtpki revoke alice --all --restart-command 'systemctl restart libvirtd'",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.revoke(cmd.Context(), g, o, args)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return e.completeLive(g), cobra.ShellCompDirectiveDefault
		},
	}
	o.addFlags(cmd)
	cmd.Flags().StringVar(&o.reason, "reason", "", "`reason` that the CRL gives (default none)")
	cmd.Flags().BoolVar(&o.all, "all", false, "where a name has several live certificates, revoke them all")
	completeFrom(cmd, "reason", reasonNames()...)
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

func reasonNames() []string {
	var names []string
	for _, reason := range pki.Reasons() {
		names = append(names, reason.String())
	}
	return names
}

// condemned is a certificate that is to be revoked. A serial that the CA has no
// record of has no certificate.
type condemned struct {
	serial *big.Int
	cert   *x509.Certificate
	path   string
}

// label is what people call it.
func (c condemned) label() string {
	if c.cert == nil {
		return "serial " + store.SerialText(c.serial)
	}
	return fmt.Sprintf("%s (serial %s)", dnOf(c.cert), store.SerialText(c.serial))
}

func (e *env) revoke(ctx context.Context, g *globals, o *revokeOptions, args []string) error {
	if err := e.checkClock(); err != nil {
		return err
	}
	reason, err := o.parseReason()
	if err != nil {
		return err
	}
	c, err := o.check()
	if err != nil {
		return err
	}
	var out []condemned
	return e.publishCRL(ctx, g, c, func(j *job, a *authority) (newEntries, error) {
		if out, err = e.condemn(g, a, args, o.all); err != nil {
			return nil, err
		}
		return e.entriesFor(j, a, out, reason), nil
	}, func() []condemned { return out })
}

func (o *revokeOptions) parseReason() (pki.Reason, error) {
	if o.reason == "" {
		return pki.ReasonUnspecified, nil
	}
	reason, err := pki.ParseReason(o.reason)
	return reason, asUsage(err)
}

// entriesFor are the CRL entries of those that are not revoked yet, each for the list
// of the generation that has signed it. The first reason stays, but where the key turns
// out to be compromised: then it is never signed again.
func (e *env) entriesFor(j *job, a *authority, out []condemned, reason pki.Reason) newEntries {
	entries := make(newEntries)
	for _, c := range out {
		signer := a.signerOf(c.cert)
		if have, ok := a.findRevoked(c.serial); ok {
			was := pki.Reason(have.ReasonCode)
			j.did("%s: already revoked on %s (%s)", c.label(), have.RevocationTime.UTC().Format(dateForm), was)
			if reason == pki.ReasonKeyCompromise && was != reason {
				entries[signer] = append(entries[signer], pki.WithReason(have, reason))
				j.did("%s: the reason is %s now", c.label(), reason)
			}
			continue
		}
		entries[signer] = append(entries[signer], x509.RevocationListEntry{
			SerialNumber:   c.serial,
			RevocationTime: e.now().UTC().Truncate(time.Second),
			ReasonCode:     int(reason),
		})
		if c.cert == nil {
			j.note("the CA here has no record of %s: check that it is not mistyped", c.label())
		}
		j.did("revoked %s", c.label())
	}
	return entries
}

// condemn finds the certificates that the arguments mean.
func (e *env) condemn(g *globals, a *authority, args []string, all bool) ([]condemned, error) {
	records, err := recordedCerts(g)
	if err != nil {
		e.warn("%v", err)
	}
	var out []condemned
	for _, arg := range args {
		found, err := e.condemnOne(a, records, arg, all)
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			if !slices.ContainsFunc(out, func(have condemned) bool { return have.serial.Cmp(c.serial) == 0 }) {
				out = append(out, c)
			}
		}
	}
	return out, nil
}

func (e *env) condemnOne(a *authority, records []placed, arg string, all bool) ([]condemned, error) {
	if info, err := os.Stat(arg); strings.Contains(arg, "/") || err == nil && !info.IsDir() { // a folder may be called as its client is
		return condemnFile(a, arg)
	}
	var named, live []condemned
	for _, p := range records {
		if !a.hasSigned(p.cert) {
			continue // of a generation that was dropped: nobody accepts it any more
		}
		c := condemned{p.cert.SerialNumber, p.cert, p.path}
		if strings.EqualFold(store.SerialText(c.serial), arg) {
			return []condemned{c}, nil
		}
		if p.cert.Subject.CommonName != arg {
			continue
		}
		named = append(named, c)
		if _, revoked := a.findRevoked(c.serial); !revoked && e.now().Before(p.cert.NotAfter) {
			live = append(live, c)
		}
	}
	switch {
	case len(live) == 1, len(live) > 1 && all:
		return live, nil
	case len(live) > 1:
		return nil, severalLive(arg, live)
	case len(named) > 0:
		return named, nil
	}
	return condemnUnknown(arg)
}

// severalLive lists what a name could mean.
func severalLive(name string, live []condemned) error {
	lines := []error{fmt.Errorf("%q has %d live certificates:", name, len(live))}
	for _, c := range live {
		lines = append(lines, fmt.Errorf("  %s  %s  %s, until %s", store.SerialText(c.serial), strings.Join(rolesOf(c.cert), "+"), dnOf(c.cert), c.cert.NotAfter.Format(dateForm)))
	}
	return withHint(errors.Join(lines...), "give the serials, or --all")
}

// serialDigits is the least number of digits at which a word that the records do
// not know is taken for a serial, and not for a name that was mistyped.
const serialDigits = 8

// serialBits is the most that a serial may have (RFC 5280 section 4.1.2.2).
const serialBits = 160

// condemnUnknown takes a serial that there is no record of: of a CA that was
// taken over without its records, or restored from a backup.
func condemnUnknown(arg string) ([]condemned, error) {
	serial, ok := new(big.Int).SetString(arg, 16)
	if !ok || len(arg) < serialDigits || serial.Sign() <= 0 || serial.BitLen() > serialBits {
		return nil, fmt.Errorf("the CA here has signed no certificate named %s", termtext.QuoteShort(arg))
	}
	return []condemned{{serial: serial}}, nil
}

func condemnFile(a *authority, path string) ([]condemned, error) {
	certs, err := readCerts(path)
	if err != nil {
		return nil, err
	}
	cert := certs[0]
	if !a.hasSigned(cert) {
		return nil, fmt.Errorf("%s: %s is not signed by the CA here, %s", path, dnOf(cert), dnOf(a.ca.Certificate))
	}
	if cert.Equal(a.ca.Certificate) {
		return nil, fmt.Errorf("%s: the CA itself, %s: no CRL of its own revokes it", path, dnOf(cert))
	}
	return []condemned{{cert.SerialNumber, cert, path}}, nil
}
