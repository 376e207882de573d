package main

import (
	"context"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/change"
)

const caImportHelp = `Take over a CA that certtool, openssl, cfssl, step or easy-rsa made: its
certificate and key, its revocations, and the records of what it has signed.

--cert may hold several certificates; the one that --key belongs to signs. The
key may be PKCS#1, SEC1 or PKCS#8, encrypted or not; it is written as PKCS#8,
encrypted again if it was. --issued is a folder of PEM certificates, or an
index.txt as openssl and easy-rsa keep it: what it says to be revoked is, and
the certificates are looked for in the folders beside it.

If the CA's certificate is in the CA's directory already, as after libvirt's own
page, ca import adds the missing key, records and revocations. It refuses any
other CA there, and one that libvirt cannot use. The files that are read stay
as they are. Afterwards sign and revoke with virtpki alone.`

const caImportExample = `  virtpki ca import --cert cacert.pem --key cakey.pem
  virtpki ca import --cert /etc/pki/CA/cacert.pem --key /root/cakey.pem --issued /etc/pki/libvirt
  virtpki ca import --cert pki/ca.crt --key pki/private/ca.key --crl pki/crl.pem --issued pki/index.txt`

func newCAImport(e *env, g *globals) *cobra.Command {
	return bindCAImport(e, g, &authority.ImportFiles{})
}

// bindCAImport binds the flags to o.
func bindCAImport(e *env, g *globals, o *authority.ImportFiles) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "import --cert FILE --key FILE",
		Short:   "Take over a CA made by another tool",
		Long:    help(caImportHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: caImportExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runCAImport(cmd.Context(), e, g, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Cert, "cert", "", "PEM `file` with the CA's certificate")
	flags.StringVar(&o.Key, "key", "", "PEM `file` with the CA's key")
	flags.StringVar(&o.CRL, "crl", "", "PEM `file` with the CA's CRL")
	flags.StringVar(&o.Issued, "issued", "", "`directory` of signed certificates, or an index.txt")
	cmd.MarkFlagRequired("cert")
	cmd.MarkFlagRequired("key")
	for _, name := range []string{"cert", "key", "crl", "issued"} {
		cmd.MarkFlagFilename(name)
	}
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

func runCAImport(ctx context.Context, e *env, g *globals, o *authority.ImportFiles) error {
	if err := g.CheckClock(); err != nil {
		return err
	}
	keys := e.newKeyring(g)
	in, err := authority.ReadImport(g.Machine, *o, keys)
	if err != nil {
		return err
	}
	return e.change(ctx, g, []string{g.CAPath()}, func(j *change.Job) error {
		_, err := in.Take(j, g.Machine, keys)
		return err
	})
}
