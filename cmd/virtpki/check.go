package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"virtpki/internal/connect"
	"virtpki/internal/hint"
	"virtpki/internal/inspect"
	"virtpki/internal/issuer"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/survey"
	"virtpki/internal/termtext"
)

// likeValidate is the program that --like takes its requirements from.
const likeValidate = "virt-pki-validate"

// checkOptions are the flags of check.
type checkOptions struct {
	roles   []judge.Role // empty: all roles
	target  string
	pkipath string
	user    bool
	like    string
	strict  bool
	verbose bool
	explain string
	with    []string
	uses    []libvirt.QEMUUse // the uses that --with names
}

func newCheck(e *env, g *globals) *cobra.Command {
	o, connect, hosts := &checkOptions{}, &connectOptions{}, &hostsOptions{}
	cmd := &cobra.Command{
		Use:       "check [server|client|ca]",
		Short:     "Predict whether libvirt and QEMU accept the files here",
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: []string{"server", "client", "ca"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.explain != "" {
				return explainFinding(e, g, o.explain)
			}
			args, err := hosts.take(connect, args)
			if err := hint.First(err, hint.Usage(o.readRole(args))); err != nil {
				return err
			}
			connect.PKIPath = o.pkipath
			if hosts.file != "" {
				if !cmd.Flags().Changed("timeout") {
					connect.Timeout = survey.HostLimit
				}
				return runCheckHosts(cmd.Context(), e, g, hosts, connect)
			}
			if flags := cmd.Flags(); flags.Changed("jobs") || flags.Changed("format") {
				return hint.Usagef("--jobs and --format need --connect --hosts FILE")
			}
			if connect.URI != "" {
				return runCheckConnect(cmd.Context(), e, g, connect)
			}
			if flags := cmd.Flags(); flags.Changed("as") || flags.Changed("timeout") || flags.Changed("guests") {
				return hint.Usagef("--as, --timeout and --guests need --connect")
			}
			return runCheck(cmd.Context(), e, g, o)
		},
	}
	o.addFlags(cmd)
	connect.addFlags(cmd)
	hosts.addFlags(cmd)
	cmd.MarkFlagsMutuallyExclusive("hosts", "guests")
	for _, name := range []string{"user", "like", "strict", "verbose", "for", "with", "explain"} {
		cmd.MarkFlagsMutuallyExclusive("connect", name)
		cmd.MarkFlagsMutuallyExclusive("hosts", name)
	}
	return cmd
}

func (o *checkOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.target, "for", "any", "judge by the rules of `release`: any, installed, or one like libvirt-9.0 or qemu-10.2")
	flags.StringVar(&o.pkipath, "pkipath", "", "judge the client files in `directory`, as ?pkipath= names it")
	flags.BoolVar(&o.user, "user", false, "judge the user's own ~/.pki/libvirt")
	flags.StringVar(&o.like, "like", "", "apply the rules of another `program`: virt-pki-validate")
	flags.StringSliceVar(&o.with, "with", nil, "expect files for QEMU's `uses`: "+strings.Join(libvirt.QEMUUseNames(), ", "))
	completeFrom(cmd, "with", libvirt.QEMUUseNames()...)
	flags.StringVar(&o.explain, "explain", "", "explain the finding with this `id`, and stop")
	completeFrom(cmd, "explain", judge.IDs(issuer.Catalogue())...)
	flags.BoolVar(&o.strict, "strict", false, "exit 3 for warnings too")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "also show findings that follow from another one")
	cmd.MarkFlagDirname("pkipath")
	cmd.MarkFlagsMutuallyExclusive("pkipath", "user")
	completeFrom(cmd, "for", append(libvirt.ReleaseNames(), "installed")...)
	completeFrom(cmd, "like", likeValidate)
}

// readRole reads the role.
func (o *checkOptions) readRole(args []string) error {
	if o.like != "" && o.like != likeValidate {
		return fmt.Errorf("unknown program --like %q (%s)", o.like, likeValidate)
	}
	with, err := (&withOptions{with: o.with}).check()
	if err != nil {
		return err
	}
	if o.uses = with.Uses; len(o.uses) > 0 && (len(args) > 0 || o.pkipath != "" || o.user || o.like != "") {
		return fmt.Errorf("--with checks QEMU's directories: give it without a role, --pkipath, --user and --like")
	}
	o.roles, err = inspect.ParseRoles(args)
	return err
}

// request returns the request that the flags describe.
func (o *checkOptions) request(ctx context.Context, m *machine.Machine) (inspect.Request, error) {
	r := inspect.Request{Roles: o.roles, PKIPath: o.pkipath, User: o.user, Uses: o.uses}
	var err error
	if o.target == "installed" {
		r.For, err = libvirt.InstalledReleases(ctx, m.Root)
	} else {
		var t libvirt.Release
		t, err = libvirt.ParseRelease(o.target)
		r.For, err = []libvirt.Release{t}, hint.Usage(err)
	}
	if err == nil && r.Libvirt() == nil && (len(o.roles) > 0 || o.pkipath != "" || o.user || o.like != "") {
		err = hint.Usagef("--for %s checks QEMU's directories, which have no roles", o.target)
	}
	return r, err
}

func runCheck(ctx context.Context, e *env, g *globals, o *checkOptions) error {
	r, err := o.request(ctx, g.Machine)
	if err != nil {
		return err
	}
	if r.TPM = e.devices.TPM; o.like == "" {
		report, err := inspect.Run(ctx, g.Machine, r)
		if err != nil {
			return err
		}
		report.For, report.Verbose = o.target, o.verbose
		return tellCheck(e, g, o, report)
	}
	v, err := inspect.Validate(g.Machine, r)
	if err != nil {
		return err
	}
	v.For = o.target
	if err := e.printVerdict(g, v); err != nil || !v.Failed() {
		return err
	}
	return hint.ErrFailed
}

// tellCheck prints the findings. It returns an error when the exit status has to report them.
func tellCheck(e *env, g *globals, o *checkOptions, report *inspect.Report) error {
	if err := e.printVerdict(g, report); err != nil {
		return err
	}
	if report.Refused(o.strict) {
		return hint.ErrRefused
	}
	if report.Unknown() && len(o.roles) > 0 {
		return hint.With(errors.New("check could not read some files that decide the verdict"), "run it as root")
	}
	return nil
}

// explainFinding prints the entry of an id on the page of findings.
func explainFinding(e *env, g *globals, id string) error {
	entry, ok := judge.Explain(issuer.Catalogue(), id)
	if !ok {
		return hint.With(hint.Usagef("no finding has the id %s", termtext.QuoteShort(id)), "virtpki check and issuer test print the id in brackets after each finding; docs/findings.md lists all ids")
	}
	return e.printResult(g, entry)
}

// connectOptions are the flags of check --connect.
type connectOptions struct {
	connect.Request
	guests bool
}

func (o *connectOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.URI, "connect", "", "connect to `URI` like a client, and show the step that fails")
	flags.StringVar(&o.As, "as", "", "with --connect: use another client certificate and key, `CERT,KEY`")
	flags.BoolVar(&o.guests, "guests", false, "with --connect: also check the displays of all running guests")
	flags.DurationVar(&o.Timeout, "timeout", 15*time.Second, "with --connect: stop after `time`")
	cmd.MarkFlagFilename("as")
	completeFrom(cmd, "connect", append(connect.Schemes(), "qemu+tls://", "test+tls://")...)
}

// runCheckConnect connects and prints the result. A failed check shows in the exit status.
func runCheckConnect(ctx context.Context, e *env, g *globals, o *connectOptions) error {
	if o.guests {
		report, err := connect.RunGuests(ctx, g.Machine, o.Request)
		return e.tellConnect(g, report, err == nil && report.OK, err)
	}
	report, err := connect.Run(ctx, g.Machine, o.Request)
	return e.tellConnect(g, report, err == nil && report.OK, err)
}

// tellConnect prints the result of a connection.
func (e *env) tellConnect(g *globals, report result, ok bool, err error) error {
	if err != nil {
		return err
	}
	if err = e.printVerdict(g, report); err == nil && !ok {
		err = hint.ErrRefused
	}
	return err
}
