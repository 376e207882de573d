package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/revocation"
	"virtpki/internal/store"
	"virtpki/pki"
)

// crlOptions are the flags of every command that makes a CRL.
type crlOptions struct {
	reloadOptions
	validity string
}

func (o *crlOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.validity, "validity", pki.FormatValidity(pki.DefaultCRLValidity), "time until the CRL expires, a `duration`; libvirt itself does not check it")
	o.reloadOptions.addFlags(cmd)
}

// request checks the flags and returns the request that they describe.
func (o *crlOptions) request(e *env) (revocation.CRL, error) {
	validity, err := pki.ParseValidity(o.validity)
	return revocation.CRL{Validity: validity, Reload: o.reloadOptions.request(e)}, hint.Usage(err)
}

func newCRL(e *env, g *globals) *cobra.Command {
	o := &crlOptions{}
	var out string
	var force bool
	cmd := &cobra.Command{
		Use:   "crl",
		Short: "Refresh the CRL",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.request(e)
			if err != nil {
				return err
			}
			c.Copy = store.Output{Path: out, Force: force}
			j, err := revocation.Refresh(cmd.Context(), g.Machine, c, e.newKeyring(g), e.runOptions(g, nil))
			return e.tellWith(g, j, err)
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

func newCRLShow(e *env, g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "show [FILE...]",
		Short: "Show the entries of a CRL",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{libvirt.CA(g.CAPath()).Path(libvirt.CACRL)}
			}
			return runCRLShow(e, g, args)
		},
	}
}

func runCRLShow(e *env, g *globals, files []string) error {
	var infos authority.CRLs
	for _, file := range files {
		data, err := e.readInput(file, store.MaxPEM)
		if errors.Is(err, os.ErrNotExist) {
			err = hint.With(err, "libvirt silently works without a CRL; make one: virtpki %scrl", g.Flags())
		}
		if err != nil {
			return err
		}
		contents, err := authority.ReadCRLFile(g.Machine, file, data)
		if err != nil {
			return err
		}
		infos = append(infos, contents...)
	}
	return e.printResult(g, infos)
}
