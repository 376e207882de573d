package main

import (
	"github.com/spf13/cobra"

	"virtpki/internal/wizard"
)

// fromFlags are the options of a command to which no flag was given.
func fromFlags[T any](e *env, bind func(*env, *globals, *T) *cobra.Command) *T {
	o := new(T)
	bind(e, &globals{Machine: e.here}, o)
	return o
}

// bootOptions are those of bootstrap.
func bootOptions(e *env, a *wizard.Answers) *bootstrapOptions {
	o := fromFlags(e, bindBootstrap)
	o.host.Hostname, o.caLife, o.host.Daemon, o.name = a.Hostname, a.CALife, a.OtherDaemon(), a.NewCA()
	o.allow, o.allowIssued = a.Allowed()
	o.leafOptions.validity = a.Life
	o.sans, o.onlySAN = a.SANs()
	o.with = a.Uses
	o.restart = a.RestartLine()
	return o
}

// issueOptionsOf are those of issue client; nil when there are no clients.
func issueOptionsOf(e *env, a *wizard.Answers) *issueOptions {
	if !a.MakesClients() {
		return nil
	}
	o := fromFlags(e, bindIssue)
	o.validity, o.out, o.layout = a.Life, a.Out, "pkipath"
	return o
}

// renewalOptionsOf are those of generate; nil when nothing is to be generated.
func renewalOptionsOf(e *env, a *wizard.Answers) *generateOptions {
	if !a.MakesRenewal() {
		return nil
	}
	bind := bindSystemd
	if a.RenewBy == wizard.RenewCron {
		bind = bindCron
	}
	o := fromFlags(e, bind)
	o.out, o.binary = a.RenewalPlace(), a.Binary
	return o
}
