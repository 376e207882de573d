package main

import (
	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/machine"
	"virtpki/pki"
)

const caExportHelp = `Print what the CA here has signed and revoked in the form of OpenSSL's index.txt,
so that openssl ca or easy-rsa can go on from here. The certificate, the key
(PKCS#8), the records (newcerts/SERIAL.pem) and the CRL are in forms that they
read as they are.

What earlier generations of the CA have revoked is in it too, so that importing the
index keeps it. So are revocations without a record, with the CA's end as
their date of expiry. Several live certificates of one subject are as usual here:
openssl ca wants "unique_subject = no" then.`

func newCAExport(e *env, m *machine.Machine) *cobra.Command {
	var index bool
	cmd := &cobra.Command{
		Use:     "export --index",
		Short:   "Print the CA's records for other tools",
		Long:    help(caExportHelp, exitDone, exitError, exitUsage),
		Example: "  virtpki ca export --index >index.txt",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return runCAExport(e, m)
		},
	}
	cmd.Flags().BoolVar(&index, "index", false, "in the form of OpenSSL's index.txt")
	cmd.MarkFlagRequired("index")
	return cmd
}

func runCAExport(e *env, m *machine.Machine) error {
	a, err := authority.Open(m)
	if err != nil {
		return err
	}
	entries, err := authority.Index(a)
	if err != nil {
		return err
	}
	_, err = e.stdout.Write(pki.FormatIndex(entries, e.here.Now()))
	return err
}
