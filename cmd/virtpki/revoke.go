package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"math/big"
	"time"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/internal/subject"
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

Give a name or an address, a serial in hexadecimal, or a PEM file. A name stands for
every live certificate that carries it, as its CN or among its SANs, in upper or
lower case. If there are several, revoke lists them and asks on a terminal; --all
revokes them without asking.

A revocation shuts out the host or client behind it: sign --yes refuses its names
and addresses, in either role, and its key. No command signs a compromised key
again. --reason superseded shuts out nobody.

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
			return completeLive(g.Machine), cobra.ShellCompDirectiveDefault
		},
	}
	o.addFlags(cmd)
	cmd.Flags().StringVar(&o.reason, "reason", "", "`reason` that the CRL gives (default none)")
	cmd.Flags().BoolVar(&o.all, "all", false, "revoke every live certificate that carries the name, without asking")
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
	as     string // the name that it was found by, where that is not its CN
}

// label is what people call it.
func (c condemned) label() string {
	switch {
	case c.cert == nil:
		return "serial " + store.SerialText(c.serial)
	case c.as != "":
		return fmt.Sprintf("%s (serial %s), which carries %s", subject.Of(c.cert), store.SerialText(c.serial), termtext.QuoteShort(c.as))
	}
	return fmt.Sprintf("%s (serial %s)", subject.Of(c.cert), store.SerialText(c.serial))
}

func (e *env) revoke(ctx context.Context, g *globals, o *revokeOptions, args []string) error {
	if err := g.CheckClock(); err != nil {
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
	w := &wanted{env: e, m: g.Machine, all: o.all || g.dryRun, agreed: make(map[string]bool), mayAsk: true}
	var out []condemned
	return e.publishCRL(ctx, g, c, func(j *change.Job, a *authority.Authority) (authority.Entries, error) {
		if out, err = w.condemn(j, a, args, reason); err != nil {
			return nil, err
		}
		w.mayAsk = false // the second time the CA is locked
		return e.entriesFor(j, a, out, reason)
	}, func() []condemned { return out })
}

func (o *revokeOptions) parseReason() (pki.Reason, error) {
	if o.reason == "" {
		return pki.ReasonUnspecified, nil
	}
	reason, err := pki.ParseReason(o.reason)
	return reason, hint.Usage(err)
}

// entriesFor are the CRL entries of those that are not revoked yet, each for the list
// of the generation that has signed it; for that of the one that signs now where it was
// dropped. The first reason stays, unless the new one shuts out more.
func (e *env) entriesFor(j *change.Job, a *authority.Authority, out []condemned, reason pki.Reason) (authority.Entries, error) {
	entries := make(authority.Entries)
	for _, c := range out {
		if err := c.keep(j, a); err != nil {
			return nil, err
		}
		if entry, ok := e.entryFor(j, a, c, reason); ok {
			signer := a.SignerOf(c.cert)
			entries[signer] = append(entries[signer], entry)
		}
		if c.cert != nil {
			j.Revoked = append(j.Revoked, change.Placed{Cert: c.cert, Path: c.path})
		}
	}
	return entries, nil
}

// keep plans a record of a certificate that has none, as of a CA that was taken over
// without them: whom its revocation shuts out is known by the record.
func (c condemned) keep(j *change.Job, a *authority.Authority) error {
	if c.cert == nil || j.Plan.Tree().Exists(store.RecordPath(libvirt.Records(a.Folder), c.serial)) {
		return nil
	}
	return a.Record(j, c.cert)
}

// entryFor is the entry of one; false where it is revoked already and stays as it is.
func (e *env) entryFor(j *change.Job, a *authority.Authority, c condemned, reason pki.Reason) (x509.RevocationListEntry, bool) {
	have, ok := a.FindRevoked(c.serial)
	if !ok {
		if c.cert == nil {
			j.Note("the CA here has no record of %s: check that it is not mistyped", c.label())
		}
		j.Did("revoked %s", c.label())
		return x509.RevocationListEntry{
			SerialNumber:   c.serial,
			RevocationTime: e.here.Now().UTC().Truncate(time.Second),
			ReasonCode:     int(reason),
		}, true
	}
	j.Did("%s: already revoked on %s (%s)", c.label(), termtext.Day(have.RevocationTime), pki.Reason(have.ReasonCode))
	graver := pki.WithReason(have, reason)
	if reason == pki.ReasonUnspecified || !authority.IsGraver(graver, have) {
		return graver, false
	}
	j.Did("%s: the reason is %s now", c.label(), reason)
	return graver, true
}
