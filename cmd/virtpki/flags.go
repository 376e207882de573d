package main

import "github.com/spf13/pflag"

// addForce adds the flag that has an output replace whatever is there.
func addForce(flags *pflag.FlagSet, force *bool) {
	flags.BoolVar(force, "force", false, "replace a file that is there already, though virtpki did not write it")
}
