package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"virtpki/internal/cakey"
	"virtpki/internal/hint"
)

// keyPlace holds the flags that say where a CA's key is kept.
type keyPlace struct {
	uri, command string
	tpm          bool
	anyType      bool // accepts an existing key of any type
}

func (p *keyPlace) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&p.uri, "key-uri", "", "use a key in a PKCS#11 token, named by a `uri`: pkcs11:token=...;object=...")
	flags.StringVar(&p.command, "p11-command", "", "reach the token through a `command` that runs p11-kit remote, such as ssh to another machine")
}

// addTPM adds the flag for commands that make a key. Other commands cannot use it: a TPM does not
// keep keys that could be found.
func (p *keyPlace) addTPM(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.tpm, "tpm", false, "make a key that only this machine's TPM 2.0 can use")
	cmd.MarkFlagsMutuallyExclusive("tpm", "key-uri")
	cmd.MarkFlagsMutuallyExclusive("tpm", "p11-command")
}

// refuse returns an error if the flags name a place.
func (p *keyPlace) refuse(why string) error {
	if p.uri == "" && p.command == "" && !p.tpm {
		return nil
	}
	return hint.Usagef("--key-uri, --p11-command and --tpm %s", why)
}

// order returns the key that the flags request.
func (p *keyPlace) order() (cakey.Order, error) {
	place, err := cakey.ParsePlace(p.uri, p.command)
	place.TPM = p.tpm
	return cakey.Order{Place: place, Any: p.anyType}, err
}
