package main

import (
	"fmt"
	"io/fs"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"virtpki/internal/authority"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/pki"
)

// leafOptions describe new certificates; issue and bootstrap share them.
type leafOptions struct {
	sans          []string
	onlySAN       bool
	keyType       string
	validity      string
	target        string
	clientKeyMode string
}

func (o *leafOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&o.sans, "san", nil, "another `name` or address of the server; may be repeated")
	flags.BoolVar(&o.onlySAN, "only-san", false, "certify only the server's name and those of --san, without the short name and this machine's addresses")
	flags.StringVar(&o.keyType, "key-type", string(pki.DefaultKeyType), "`type` of the keys: "+keyTypeList())
	flags.StringVar(&o.validity, "validity", pki.FormatValidity(pki.DefaultLeafValidity), "lifetime of the certificates, a `duration` such as 30d or 1y")
	flags.StringVar(&o.target, "for", "any", "oldest `release` that must accept the certificates, such as libvirt-11.6")
	o.addClientKeyMode(flags)
	completeKeyTypes(cmd)
	completeFrom(cmd, "for", libvirt.ReleaseNames()...)
	completeFrom(cmd, "client-key-mode", "0600", "0640", "0644")
}

func (o *leafOptions) addClientKeyMode(flags *pflag.FlagSet) {
	flags.StringVar(&o.clientKeyMode, "client-key-mode", "0600",
		"`mode` of the system's client key; 0644, which virt-pki-validate demands, allows every local user to connect as this host")
}

// leafPlan is leafOptions after all checks.
type leafPlan struct {
	authority.Leaf
	clientKeyMode fs.FileMode
}

func (o *leafOptions) check() (leafPlan, error) {
	keyType, err1 := pki.ParseKeyType(o.keyType)
	validity, err2 := pki.ParseValidity(o.validity)
	release, err3 := libvirt.ParseRelease(o.target)
	mode, err4 := parseClientKeyMode(o.clientKeyMode)
	p := leafPlan{Leaf: authority.Leaf{KeyType: keyType, Validity: validity, Release: release}, clientKeyMode: mode}
	return p, hint.Usage(hint.First(err1, err2, err3, err4))
}

func parseClientKeyMode(s string) (fs.FileMode, error) {
	mode, err := strconv.ParseUint(s, 8, 12)
	if err != nil || mode&0o600 != 0o600 || mode&^0o644 != 0 {
		return 0, fmt.Errorf("bad client key mode %q (0600, 0640 or 0644)", s)
	}
	return fs.FileMode(mode), nil
}
