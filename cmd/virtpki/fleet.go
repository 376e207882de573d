package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"virtpki/internal/fleet"
	"virtpki/internal/hint"
	"virtpki/internal/program"
	"virtpki/internal/prompt"
	"virtpki/internal/provision"
	"virtpki/internal/termtext"
)

// fleetOptions are the flags of issue for many hosts.
type fleetOptions struct {
	hosts  string
	format string
	jobs   int
}

func (o *fleetOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.hosts, "hosts", "", "make a bundle for each line of `file` (- is standard input): name, then SANs")
	flags.StringVar(&o.format, "format", "folder", "`form` of --out: folder or tar")
	flags.IntVarP(&o.jobs, "jobs", "j", 0, "make `many` bundles at once (default one for each processor)")
	cmd.MarkFlagFilename("hosts")
	completeFrom(cmd, "format", "folder", "tar")
}

// many reports whether issue makes the bundles one after another. Each bundle is final before the
// next ones begin; otherwise issue makes all of them or none.
func (o *fleetOptions) many() bool { return o.hosts != "" || o.format == "tar" }

func (o *fleetOptions) checkUse(names []string, out string) error {
	switch {
	case o.format != "folder" && o.format != "tar":
		return fmt.Errorf("unknown format %q (folder or tar)", o.format)
	case o.jobs < 0:
		return fmt.Errorf("bad number of jobs %d", o.jobs)
	case o.hosts == "" && len(names) == 0:
		return errors.New("no name: give one or more, or --hosts FILE")
	case o.hosts != "" && len(names) > 0:
		return errors.New("give names or --hosts FILE, not both")
	case o.format != "tar" && fleet.IsArchive(out):
		return hint.With(fmt.Errorf("--out %s is one archive, and --format is %s", out, o.format), "add --format tar")
	case o.many() && out == "":
		return errors.New("--hosts and --format tar need --out DIRECTORY")
	}
	return nil
}

// fleetRequest returns the request for many hosts.
func fleetRequest(e *env, g *globals, o *issueOptions, what *provision.Request) (fleet.Request, error) {
	r := fleet.Request{Roles: what.Kind.Roles(), Leaf: what.Leaf, Out: o.out, Tar: o.format == "tar", Flat: o.layout != "system",
		ClientKey: what.ClientKeyMode, Workers: o.jobs, DryRun: g.dryRun, Stdout: e.stdout, Track: e.changes}
	if file, ok := program.File(e.stdout); ok && r.ToStdout() && !r.DryRun && term.IsTerminal(int(file.Fd())) {
		return r, hint.Usagef("--out - writes private keys, and stdout is a terminal")
	}
	var err1, err2 error
	r.Identities, err1 = what.Naming.EachOf(g.Machine)
	r.Hosts, err2 = e.readHosts(o.hosts, what.Names)
	return r, hint.First(err1, err2)
}

// runIssueFleet makes bundles for many hosts.
func runIssueFleet(ctx context.Context, e *env, g *globals, o *issueOptions, what *provision.Request) error {
	r, err := fleetRequest(e, g, o, what)
	if err != nil {
		return err
	}
	p := &prompt.Progress{}
	if !g.quiet {
		p = prompt.NewProgress(e.stderr, e.warn)
	}
	r.Progress = func(c fleet.Count) { p.Show(c.Made, c.Text) }
	report, err := fleet.Run(ctx, g.Machine, r, e.newKeyring(g))
	p.End()
	if err != nil {
		return err
	}
	return tellFleet(e, g, &r, report)
}

// readHosts reads the hosts of a command: the lines of a file, or the names on the command line.
func (e *env) readHosts(file string, names []string) (*fleet.Hosts, error) {
	if file == "" {
		return fleet.Named(names), nil
	}
	text, err := e.readList(file)
	if err != nil {
		return nil, err
	}
	return fleet.ParseHosts(text.name, text.data)
}

// list is a file with hosts, and its name in errors.
type list struct {
	name string
	data []byte
}

// readList reads a list of hosts; - is standard input.
func (e *env) readList(file string) (list, error) {
	if file == "-" {
		text, err := io.ReadAll(io.LimitReader(e.stdin, fleet.MaxHosts+1))
		return list{"standard input", text}, err
	}
	text, err := program.ReadStream(e.interrupted, file, fleet.MaxHosts+1)
	return list{file, text}, err
}

// tellFleet prints the result, or with --dry-run the plan.
func tellFleet(e *env, g *globals, r *fleet.Request, report *fleet.Report) error {
	to := e.stdout
	if r.ToStdout() {
		to = e.stderr
	}
	switch {
	case g.json:
		return e.printJSON(report)
	case g.quiet:
		return nil
	}
	termtext.Fprintf(to, "%s", report.Text(r, e.here.Now()))
	for _, note := range report.Notes {
		e.warn("%s", note)
	}
	return nil
}
