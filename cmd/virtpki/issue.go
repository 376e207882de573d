package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"virtpki/internal/hint"
	"virtpki/internal/provision"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
)

// issueOptions are the flags of issue.
type issueOptions struct {
	leafOptions
	withOptions
	fleetOptions
	packOptions
	subject string
	out     string
	layout  string
	user    bool
	here    bool
	shapes  templateOptions
}

func newIssue(e *env, g *globals) *cobra.Command {
	return bindIssue(e, g, &issueOptions{})
}

// bindIssue binds the flags to o.
func bindIssue(e *env, g *globals, o *issueOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:       "issue server|client|host [NAME...]",
		Short:     "Make a key and a certificate",
		Args:      cobra.MinimumNArgs(1),
		ValidArgs: subject.KindNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runIssue(cmd.Context(), e, g, o, args)
		},
	}
	o.leafOptions.addFlags(cmd)
	o.withOptions.addFlags(cmd)
	o.fleetOptions.addFlags(cmd)
	o.packOptions.addFlags(cmd)
	flags := cmd.Flags()
	o.shapes.addFlags(flags)
	flags.StringVar(&o.subject, "subject", "", "the full subject, a `DN` in libvirt's form: C=GB,O=Example,CN=admin")
	flags.StringVarP(&o.out, "out", "o", "", "make bundles in `directory`, one directory for each name")
	flags.StringVar(&o.layout, "layout", "system", "`form` of the bundles: system or pkipath")
	flags.BoolVar(&o.user, "user", false, "install into ~/.pki/libvirt")
	flags.BoolVar(&o.here, "here", false, "install a client certificate for this machine itself, which root and migrations use")
	cmd.MarkFlagsMutuallyExclusive("out", "user", "here")
	cmd.MarkFlagDirname("out")
	completeFrom(cmd, "layout", "system", "pkipath")
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

// request turns the flags and names into a request, or reports the error in them.
func (o *issueOptions) request(role string, names []string) (*provision.Request, error) {
	leaf, err := o.leafOptions.check()
	if err != nil {
		return nil, err
	}
	if leaf.Templates, err = o.shapes.check(); err != nil {
		return nil, err
	}
	r := &provision.Request{Names: names, Leaf: leaf.Leaf, ClientKeyMode: leaf.clientKeyMode, Out: o.out, Flat: o.layout == "pkipath", User: o.user}
	if r.QEMU, err = o.withOptions.check(); err != nil {
		return nil, err
	}
	r.Naming = provision.Naming{SANs: o.sans, OnlySANs: o.onlySAN, Carried: o.out != ""}
	err = r.Naming.Parse(role, o.subject)
	return r, hint.Usage(hint.First(o.fleetOptions.checkUse(names, o.out), err, o.checkUse(r.Kind, names), o.checkPack(r.Kind), o.shapes.checkFor(r.Kind)))
}

func runIssue(ctx context.Context, e *env, g *globals, o *issueOptions, args []string) error {
	if err := g.CheckClock(); err != nil {
		return err
	}
	r, err := o.request(args[0], args[1:])
	if err != nil {
		return err
	}
	if o.pack != "" {
		return runIssuePack(ctx, e, g, o, r)
	}
	if o.many() {
		return runIssueFleet(ctx, e, g, o, r)
	}
	if o.user && os.Geteuid() == 0 {
		e.warn("root's programs never read ~/.pki/libvirt: leave out --user")
	}
	j, err := provision.Issue(ctx, g.Machine, e.newKeyring(g), r, e.runOptions(g, nil))
	if err != nil {
		return err
	}
	return e.tell(g, j)
}

func (o *issueOptions) checkUse(kind subject.Kind, names []string) error {
	switch {
	case o.layout != "system" && o.layout != "pkipath":
		return fmt.Errorf("unknown layout %q (system or pkipath)", o.layout)
	case o.out == "" && o.layout != "system":
		return errors.New("--layout needs --out DIRECTORY")
	case len(names) > 1 && o.out == "":
		return errors.New("several names need --out: only one can be installed here")
	case kind == subject.Client && o.out == "" && !o.user && !o.here && len(names) > 0:
		return hint.With(errors.New("a client certificate usually goes to another machine: give --out DIRECTORY, or --here to install it on this one"), "virtpki issue client %s --out bundles --layout pkipath", termtext.ShellWord(names[0]))
	case (len(names) > 1 || o.hosts != "") && o.subject != "":
		return errors.New("several names cannot share one --subject")
	case len(o.with) > 0 && o.many():
		return hint.With(errors.New("--with does not go with --hosts or --format tar"), "on each host virtpki bootstrap --with fills QEMU's directories from its bundle")
	case len(o.with) > 0 && (kind != subject.Host || o.layout != "system" || o.user):
		return errors.New("--with needs a host in the system's layout: QEMU reads both server and client certificates")
	}
	return nil
}

// runIssuePack makes packs for clients.
func runIssuePack(ctx context.Context, e *env, g *globals, o *issueOptions, what *provision.Request) error {
	r, err := o.packOptions.request(e, g, o.out, o.format)
	if err != nil {
		return err
	}
	j, err := r.Issue(ctx, g.Machine, e.newKeyring(g), what, e.runOptions(g, nil))
	if err != nil {
		return err
	}
	return e.tell(g, j)
}
