package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/hint"
	"virtpki/internal/prompt"
	"virtpki/internal/survey"
	"virtpki/internal/termtext"
)

// hostsOptions are the flags of check --connect --hosts.
type hostsOptions struct {
	file   string
	format string
	jobs   int
}

func (o *hostsOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.file, "hosts", "", "with --connect: check each host in `file` (- is standard input), a list or an Ansible inventory")
	flags.IntVarP(&o.jobs, "jobs", "j", 0, "with --hosts: check `many` hosts at once (default 64)")
	flags.StringVar(&o.format, "format", "table", "with --hosts: `form` of the result: table, json or prometheus")
	cmd.MarkFlagFilename("hosts")
	completeFrom(cmd, "format", "table", "json", "prometheus")
}

// take reads --connect --hosts FILE, in which --connect has no URI: the parser has taken the next
// word for it.
func (o *hostsOptions) take(connect *connectOptions, args []string) (rest []string, err error) {
	word, file, has := strings.Cut(connect.URI, "=")
	if word == "--hosts" {
		if connect.URI = ""; !has && len(args) > 0 {
			file, args = args[0], args[1:]
		}
		o.file = file
	}
	switch {
	case word == "--hosts" && file == "":
		return nil, hint.Usagef("--hosts needs a file")
	case o.file != "" && len(args) > 0:
		return nil, hint.Usagef("--hosts and a role exclude each other")
	case o.jobs < 0:
		return nil, hint.Usagef("bad number of jobs %d", o.jobs)
	case o.format != "table" && o.format != "json" && o.format != "prometheus":
		return nil, hint.Usagef("unknown format %q (table, json or prometheus)", o.format)
	}
	return args, nil
}

// runCheckHosts checks many hosts. A host that fails shows in the exit status.
func runCheckHosts(ctx context.Context, e *env, g *globals, o *hostsOptions, connect *connectOptions) error {
	text, err := e.readList(o.file)
	if err != nil {
		return err
	}
	r := survey.Request{Client: connect.Request, Jobs: o.jobs}
	if r.Targets, err = survey.ParseTargets(text.name, text.data); err != nil {
		return err
	}
	p := &prompt.Progress{}
	if !g.quiet {
		p = prompt.NewProgress(e.stderr, e.warn)
	}
	r.Progress = func(c survey.Count) { p.Show(c.Done, c.Text) }
	report, err := survey.Run(ctx, g.Machine, r)
	p.End()
	if err != nil {
		return err
	}
	if err = e.printSurvey(g, o.format, report); err == nil && !report.OK() {
		err = hint.ErrRefused
	}
	return err
}

// printSurvey prints a report in the given format. --json means --format json.
func (e *env) printSurvey(g *globals, format string, report *survey.Report) error {
	switch {
	case g.json || format == "json":
		return e.printJSON(report)
	case format == "prometheus":
		_, err := e.stdout.Write(report.Metrics())
		return err
	case g.quiet:
		return nil
	}
	_, err := termtext.Fprintf(e.stdout, "%s", report.Text())
	return err
}
