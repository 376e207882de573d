package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/reload"
	"virtpki/internal/store"
	"virtpki/pki"
)

// crlOptions are the flags of every command that makes a CRL.
type crlOptions struct {
	reloadOptions
	validity string
}

func (o *crlOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.validity, "validity", pki.FormatValidity(pki.DefaultCRLValidity), "how long the CRL counts as fresh, a `duration`; libvirt itself does not look")
	o.reloadOptions.addFlags(cmd)
}

// crlPlan is crlOptions with everything checked.
type crlPlan struct {
	reloadOptions
	validity time.Duration
	out      string // a copy for other hosts
	force    bool   // replaces what is there
}

func (o *crlOptions) check() (crlPlan, error) {
	validity, err := pki.ParseValidity(o.validity)
	return crlPlan{reloadOptions: o.reloadOptions, validity: validity}, hint.Usage(err)
}

const crlHelp = `Make the CRL anew: the same entries, a number one higher, fresh dates. It is
installed where the daemon here reads one, and the daemon reads it again.

libvirt goes on with a CRL whose time has passed; other programs do not.`

func newCRL(e *env, g *globals) *cobra.Command {
	o := &crlOptions{}
	var out string
	var force bool
	cmd := &cobra.Command{
		Use:     "crl",
		Short:   "Refresh the CRL",
		Long:    help(crlHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki crl\n  virtpki crl --validity 90d --out cacrl.pem",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.check()
			if err != nil {
				return err
			}
			c.out, c.force = out, force
			none := func(*change.Job, *authority.Authority) (authority.Entries, error) { return nil, nil }
			return e.publishCRL(cmd.Context(), g, c, none, func() []condemned { return nil })
		},
	}
	o.addFlags(cmd)
	cmd.Flags().StringVarP(&out, "out", "o", "", "write a copy to `file`, for other hosts")
	addForce(cmd.Flags(), &force)
	cmd.MarkFlagFilename("out")
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	cmd.AddCommand(newCRLShow(e, g))
	return cmd
}

// publishCRL makes CRLs with more entries, installs them, and has the daemons
// here act on it. entries decides what is added, nil to refresh; out lists
// whom that concerns.
func (e *env) publishCRL(ctx context.Context, g *globals, c crlPlan,
	entries func(*change.Job, *authority.Authority) (authority.Entries, error), out func() []condemned) error {
	if err := g.CheckClock(); err != nil {
		return err
	}
	keys := e.newKeyring(g)
	daemons, err := c.request(e).Daemons(ctx, g.Machine)
	if err != nil {
		return err
	}
	var signer *authority.Authority
	j, err := e.carryOut(ctx, g, []string{g.CAPath(), g.System().Top()}, func(j *change.Job) error {
		a, err := authority.Open(g.Machine)
		if err != nil {
			return err
		}
		if err := hint.First(a.Unlock(keys), a.LoadCRL()); err != nil {
			return err
		}
		signer = a
		r := authority.CRLRequest{Validity: c.validity, Copy: store.Output{Path: c.out, Force: c.force}, Daemons: daemons}
		r.Add, err = entries(j, a)
		if err != nil {
			return err
		}
		if len(r.Add) == 0 && out() != nil {
			// All of them are revoked already, by a run that may have been cut short.
			return a.PlanCurrent(j, g.Machine, r)
		}
		return a.PlanCRL(j, g.Machine, r)
	})
	if err != nil {
		return err
	}
	var enforced error
	if !g.dryRun {
		enforced = errors.Join(
			e.enforce(ctx, g.Machine, j, signer, c.reloadOptions, daemons, out()),
			reload.New(g.Machine, c.request(e), j).Guests(ctx, reload.Changed{Any: true}),
		)
	}
	return errors.Join(e.tell(g, j), enforced)
}
