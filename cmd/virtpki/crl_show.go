package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
)

const crlShowHelp = `Show revocation lists: issuer, number, dates, and each entry with its reason, and
with its DN where the CA here has a record of it. Without a file, the CA's own.`

func newCRLShow(e *env, g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "show [FILE...]",
		Short:   "Show what a CRL revokes",
		Long:    help(crlShowHelp, exitDone, exitError, exitUsage),
		Example: "  virtpki crl show\n  virtpki crl show --json /etc/pki/CA/cacrl.pem",
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
			err = hint.With(err, "libvirt goes on without a word when there is no CRL; make one: virtpki %scrl", g.Flags())
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
