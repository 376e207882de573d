package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/clientpack"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/program"
	"virtpki/internal/subject"
)

// packOptions are the flags of the commands that make packs for clients.
type packOptions struct {
	pack           string
	packPassphrase string
	console        string
	hostSubject    string
}

func (o *packOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.pack, "pack", "", "make a pack for a `system` or program: "+strings.Join(clientpack.Kinds(), ", "))
	flags.StringVar(&o.packPassphrase, "pack-passphrase-file", "", "`file` with the passphrase for --pack p12 in its first line (default: ask)")
	flags.StringVar(&o.console, "console", "", "`URI` of the console that --pack virt-viewer opens: spice://HOST:PORT, with the TLS port")
	flags.StringVar(&o.hostSubject, "host-subject", "", "`DN` of the console's host (default: that of its certificate, if the CA here signed it)")
	cmd.MarkFlagFilename("pack-passphrase-file")
	completeFrom(cmd, "pack", clientpack.Kinds()...)
}

// spec turns the flags into the requested pack, or names the fault in them.
func (o *packOptions) spec() (s clientpack.Spec, err error) {
	if s.Kind, err = clientpack.ParseKind(o.pack); err != nil {
		return s, hint.Usage(err)
	}
	viewer, sealed := s.Kind == clientpack.VirtViewer, s.Kind == clientpack.PKCS12
	switch {
	case !viewer && o.console+o.hostSubject != "":
		return s, hint.Usagef("--console and --host-subject need --pack virt-viewer")
	case viewer && o.console == "":
		return s, hint.Usagef("--pack virt-viewer needs the guest's console: --console spice://HOST:PORT")
	case !sealed && o.packPassphrase != "":
		return s, hint.Usagef("--pack-passphrase-file needs --pack p12")
	}
	if viewer {
		if s.Console, err = clientpack.ParseConsole(o.console); err == nil {
			err = s.Console.SetSubject(o.hostSubject)
		}
	}
	return s, hint.Usage(err)
}

// request adds the passphrase and the subject that the flags do not give.
func (o *packOptions) request(e *env, g *globals, out, format string) (*clientpack.Request, error) {
	spec, err := o.spec()
	if err != nil {
		return nil, err
	}
	if spec.Console != nil && o.hostSubject == "" {
		found, err := clientpack.HostSubject(g.Machine, spec.Console.Host)
		if err := hint.First(err, spec.Console.SetSubject(found)); err != nil {
			return nil, err
		}
	}
	if spec.Kind == clientpack.PKCS12 {
		if spec.Passphrase, err = o.newPassphrase(e); err != nil {
			return nil, err
		}
	}
	return &clientpack.Request{Spec: spec, Out: out, Tar: format == "tar"}, nil
}

// newPassphrase reads the passphrase of a PKCS#12 file, from the terminal twice.
func (o *packOptions) newPassphrase(e *env) ([]byte, error) {
	if o.packPassphrase != "" {
		return program.ReadSecret(e.interrupted, o.packPassphrase)
	}
	var typed [2][]byte
	for i, question := range []string{"Passphrase for client.p12", "The same passphrase again"} {
		var err error
		typed[i], err = program.Await(e.interrupted, func() ([]byte, error) { return e.askSecret(question) })
		if errors.Is(err, program.ErrNoTerminal) {
			return nil, hint.With(errors.New("--pack p12 needs a passphrase"), "give it with --pack-passphrase-file")
		}
		if err != nil {
			return nil, err
		}
	}
	if subtle.ConstantTimeCompare(typed[0], typed[1]) == 0 {
		return nil, errors.New("the two passphrases differ")
	}
	return typed[0], nil
}

// checkPack returns the error if the flags do not allow packs.
func (o *issueOptions) checkPack(kind subject.Kind) error {
	switch {
	case o.pack == "" && o.packPassphrase+o.console+o.hostSubject != "":
		return errors.New("--pack-passphrase-file, --console and --host-subject need --pack")
	case o.pack == "":
		return nil
	case kind != subject.Client:
		return errors.New("--pack is for clients: virtpki issue client NAME")
	case o.out == "" || strings.HasSuffix(o.out, ".tar") || o.out == "-":
		return errors.New("--pack makes a directory or an archive for each name: give --out DIRECTORY")
	case o.hosts != "" || o.layout != "system" || o.user:
		return errors.New("--pack needs names, and does not go with --hosts, --layout or --user")
	}
	_, err := o.packOptions.spec()
	return err
}

// exportOptions are the flags of export.
type exportOptions struct {
	packOptions
	out, format, pkipath string
	user                 bool
}

func newExport(e *env, g *globals) *cobra.Command {
	o := &exportOptions{}
	cmd := &cobra.Command{
		Use:   "export --pack SYSTEM --out DIRECTORY",
		Short: "Pack this machine's client certificate for another system",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return runExport(cmd.Context(), e, g, o) },
	}
	o.packOptions.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&o.out, "out", "o", "", "make the pack in `directory`")
	flags.StringVar(&o.format, "format", "folder", "`form` of the pack: folder or tar")
	flags.StringVar(&o.pkipath, "pkipath", "", "pack the files in `directory`, as ?pkipath= names it")
	flags.BoolVar(&o.user, "user", false, "pack the files in ~/.pki/libvirt")
	cmd.MarkFlagRequired("pack")
	cmd.MarkFlagRequired("out")
	cmd.MarkFlagsMutuallyExclusive("pkipath", "user")
	cmd.MarkFlagDirname("out")
	cmd.MarkFlagDirname("pkipath")
	completeFrom(cmd, "format", "folder", "tar")
	g.addDryRun(cmd)
	return cmd
}

func runExport(ctx context.Context, e *env, g *globals, o *exportOptions) error {
	if o.format != "folder" && o.format != "tar" {
		return hint.Usage(fmt.Errorf("unknown format %q (folder or tar)", o.format))
	}
	from, err := g.InstallLayout(o.user)
	if err != nil {
		return err
	}
	if o.pkipath != "" {
		from = libvirt.Flat(o.pkipath)
	}
	r, err := o.packOptions.request(e, g, o.out, o.format)
	if err != nil {
		return err
	}
	j, err := r.Export(ctx, g.Machine, from, e.runOptions(g, nil))
	if err != nil {
		return err
	}
	return e.tell(g, j)
}
