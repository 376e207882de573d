package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/reload"
	"virtpki/pki"
)

const rolloverHelp = `Change the CA to a new generation, in phases, so that nobody is refused at any
time. The new CA has a name of its own, because libvirt keeps one CRL for each.

  start   makes the new CA and publishes it beside the old one, in cacert.pem and
          cacrl.pem. Give both files to every host and client now. For --wait
          the old one goes on signing.
  renew   after that, renewal makes everything installed anew under the new CA;
          issue signs with it as well.
  finish  drops the old CA, once nothing needs it any more.
  abort   takes start back, as long as the new CA has signed nothing that lives.
  status  tells where things stand and what is left to do.`

func newRollover(e *env, g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollover",
		Short: "Change the CA to a new generation, in phases",
		Long:  help(rolloverHelp, exitDone, exitError, exitUsage, exitRefused, exitInterrupted),
		Args:  cobra.NoArgs,
		RunE:  needsSubcommand,
	}
	cmd.AddCommand(newRolloverStart(e, g), newRolloverStatus(e, g), newRolloverFinish(e, g), newRolloverAbort(e, g))
	return cmd
}

// startOptions are the flags of rollover start.
type startOptions struct {
	reloadOptions
	wait, keyType, validity string
}

const startHelp = `Make a new generation of the CA and publish it beside the old one, which goes on
signing for --wait. The new one has the same organisation, key type and limits,
unless told. Give the new cacert.pem and cacrl.pem to every host and client
within that time; what is issued or bundled from now on holds both.

A CA that has expired already is replaced at once: libvirtd does not start while
one stands in cacert.pem.`

func newRolloverStart(e *env, g *globals) *cobra.Command {
	o := &startOptions{}
	cmd := &cobra.Command{
		Use:     "start",
		Short:   "Make the new generation and publish both",
		Long:    help(startHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki ca rollover start\n  virtpki ca rollover start --wait 30d --validity 20y",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runRolloverStart(cmd.Context(), e, g, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.wait, "wait", "7d", "how long the old CA goes on signing, a `duration`")
	flags.StringVar(&o.keyType, "key-type", "", "`type` of the new key (default that of the old one): "+keyTypeList())
	flags.StringVar(&o.validity, "validity", pki.FormatValidity(pki.DefaultCAValidity), "how long the new CA lives, a `duration`")
	o.reloadOptions.addFlags(cmd)
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	completeKeyTypes(cmd)
	return cmd
}

// request turns the flags into what is asked for, or says what is wrong with them.
func (o *startOptions) request() (r authority.Start, err error) {
	var err1, err2, err3 error
	r.Wait, err1 = pki.ParseValidity(o.wait)
	r.Validity, err2 = pki.ParseValidity(o.validity)
	if o.keyType != "" {
		r.KeyType, err3 = pki.ParseKeyType(o.keyType)
	}
	return r, hint.Usage(hint.First(err1, err2, err3))
}

func runRolloverStart(ctx context.Context, e *env, g *globals, o *startOptions) error {
	r, err := o.request()
	if err != nil {
		return err
	}
	if err := g.CheckClock(); err != nil {
		return err
	}
	keys := e.newKeyring(g)
	return e.changeAndReload(ctx, g, &o.reloadOptions, func(j *change.Job) error { return authority.PlanStart(j, g.Machine, keys, r) })
}

// changeAndReload is change for what the daemons here serve or trust.
func (e *env) changeAndReload(ctx context.Context, g *globals, o *reloadOptions, decide func(*change.Job) error) error {
	j, err := e.carryOut(ctx, g, []string{g.CAPath(), g.System().Top()}, decide)
	if err != nil {
		return err
	}
	var proven error
	if !g.dryRun && len(j.Plan.Changes()) > 0 {
		proven = reload.New(g.Machine, o.request(e), j).Reload(ctx)
	}
	return errors.Join(e.tell(g, j), proven)
}

func newRolloverFinish(e *env, g *globals) *cobra.Command {
	o := &reloadOptions{}
	var force bool
	cmd := &cobra.Command{
		Use:     "finish",
		Short:   "Drop the old generation",
		Long:    help("Drop the old CA from cacert.pem and cacrl.pem, and keep its key as\nprivate/retired-ID.pem. Refused while a certificate of it is installed here, or\nlives without a successor that the new CA has signed.", exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki ca rollover finish",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			keys := e.newKeyring(g)
			return e.changeAndReload(cmd.Context(), g, o, func(j *change.Job) error {
				return authority.PlanFinish(j, g.Machine, keys, force)
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "drop the old CA even if certificates of it still live elsewhere")
	o.addFlags(cmd)
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

func newRolloverAbort(e *env, g *globals) *cobra.Command {
	o := &reloadOptions{}
	cmd := &cobra.Command{
		Use:     "abort",
		Short:   "Take the start of a rollover back",
		Long:    help("Drop the new CA again. Refused when it has signed a certificate that lives.", exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki ca rollover abort",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.changeAndReload(cmd.Context(), g, o, func(j *change.Job) error { return authority.PlanAbort(j, g.Machine) })
		},
	}
	o.addFlags(cmd)
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

func newRolloverStatus(e *env, g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Tell where the rollover stands",
		Long:    help("Tell where the rollover stands: which CA signs, what is still under the old one,\nand what to do next. The exit status is 0 when there is no rollover or when it\ncan be finished, and 3 when something still needs the old CA.", exitDone, exitError, exitUsage, exitRefused),
		Example: "  virtpki ca rollover status",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return runRolloverStatus(e, g)
		},
	}
}

func runRolloverStatus(e *env, g *globals) error {
	info, err := authority.RolloverStatus(g.Machine)
	if err != nil {
		return err
	}
	if err = e.printResult(g, info); err == nil && len(info.Needs) > 0 {
		err = hint.ErrRefused
	}
	return err
}
