package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"virtpki/internal/machine"
	"virtpki/internal/program"
	"virtpki/internal/termtext"
)

// globals are the flags that every command has.
type globals struct {
	*machine.Machine
	json, dryRun, quiet bool
	verbose             bool   // list files on a terminal too
	color               string // auto, always or never
	passphraseFile      string
	passphrase          []byte // typed already; takes precedence over the file
}

// withCA returns the flags with a CA in another directory.
func (g globals) withCA(dir string) *globals {
	g.Machine = g.Machine.WithCA(dir)
	return &g
}

// clone returns a copy of the flags, for code that changes them.
func (g *globals) clone() *globals { return g.withCA(g.CADir) }

// newRoot builds the command tree. Every command is listed here.
func newRoot(e *env) *cobra.Command {
	g := &globals{Machine: e.here}
	root := &cobra.Command{
		Use:               "virtpki",
		Short:             "TLS for libvirt",
		Version:           program.Version(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains([]string{"auto", "always", "never"}, g.color) {
				return fmt.Errorf("unknown --color %q (auto, always or never)", g.color)
			}
			e.colour(g.color)
			return g.check(cmd)
		},
	}
	g.addFlags(root)
	root.AddGroup(
		&cobra.Group{ID: "make", Title: "Make:"},
		&cobra.Group{ID: "look", Title: "Look:"},
	)
	root.AddCommand(
		inGroup("make", newBootstrap(e, g)),
		inGroup("make", newWizard(e, g)),
		inGroup("make", newCA(e, g)),
		inGroup("make", newIssue(e, g)),
		inGroup("make", newExport(e, g)),
		inGroup("make", newRequest(e, g)),
		inGroup("make", newSign(e, g)),
		inGroup("make", newInstall(e, g)),
		inGroup("make", newIssuer(e, g)),
		inGroup("make", newConfig(e, g)),
		inGroup("make", newRenew(e, g)),
		inGroup("make", newRollback(e, g)),
		inGroup("make", newReload(e, g)),
		inGroup("make", newRevoke(e, g)),
		inGroup("make", newCRL(e, g)),
		inGroup("make", newTemplate(e, g)),
		inGroup("make", newGenerate(e, g)),
		inGroup("look", newCheck(e, g)),
		inGroup("look", newList(e, g)),
		inGroup("look", newShow(e, g)),
		inGroup("look", newDN(e, g)),
		newVersion(e, g),
		newExitStatus(),
	)
	showHelp := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		addHelp(cmd)
		if cmd.Flags().Changed("help") {
			shortHelp(cmd)
		}
		showHelp(cmd, args)
	})
	return root
}

func inGroup(id string, cmd *cobra.Command) *cobra.Command {
	cmd.GroupID = id
	return cmd
}

func (g *globals) addFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&g.Root, "root", "/", "use `directory` as the file system root, for example a mounted image")
	flags.StringVar(&g.Sysconfdir, "sysconfdir", machine.DefaultSysconfdir(), "`directory` of the system's configuration")
	flags.StringVar(&g.CADir, "ca", "", "`directory` of the CA (default SYSCONFDIR/pki/CA below --root)")
	flags.BoolVar(&g.json, "json", false, "print the result as JSON")
	flags.BoolVarP(&g.quiet, "quiet", "q", false, "print only errors")
	flags.StringVar(&g.color, "color", "auto", "`when` to use colors: auto (on a terminal, unless NO_COLOR is set), always or never")
	completeFrom(root, "color", "auto", "always", "never")
	for _, name := range []string{"root", "sysconfdir", "ca"} {
		root.MarkPersistentFlagDirname(name)
	}
}

// check refuses empty paths and a --root that is not a directory. An unset variable in a script
// would otherwise lead from an image to the running machine.
func (g *globals) check(cmd *cobra.Command) error {
	for _, name := range []string{"root", "sysconfdir", "ca", "fleet", "connect", "pkipath", "hosts", "bundle", "conf", "out", "out-dir"} {
		if flag := cmd.Flags().Lookup(name); flag != nil && flag.Changed && flag.Value.String() == "" {
			return fmt.Errorf("--%s is empty", name)
		}
	}
	if info, err := os.Stat(g.Root); err == nil && !info.IsDir() {
		return fmt.Errorf("--root %s is not a directory", g.Root)
	}
	return nil
}

// addDryRun gives a command that writes files its --dry-run and --verbose.
func (g *globals) addDryRun(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&g.dryRun, "dry-run", false, "print the changes and stop")
	cmd.Flags().BoolVarP(&g.verbose, "verbose", "v", false, "list every file that is written, on a terminal too")
}

// addPassphrase gives a command that uses the CA's key the flags that open it.
func (g *globals) addPassphrase(cmd *cobra.Command) {
	cmd.Flags().StringVar(&g.passphraseFile, "passphrase-file", "", "`file` with the passphrase of the CA's key in its first line (/dev/fd/3 is descriptor 3)")
	cmd.MarkFlagFilename("passphrase-file")
}

// addForce adds the flag that lets an output replace an existing file.
func addForce(flags *pflag.FlagSet, force *bool) {
	flags.BoolVar(force, "force", false, "replace an existing file even if virtpki did not write it")
}

// defaultClockWait is how long --wait-clock without a value waits.
const defaultClockWait = "10m"

func newVersion(e *env, g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if g.json {
				return e.printJSON(program.ThisBuild())
			}
			termtext.Fprintf(e.stdout, "virtpki %s\n", program.ThisBuild().String())
			return nil
		},
	}
}
