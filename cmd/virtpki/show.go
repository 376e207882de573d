package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/certinfo"
	"virtpki/internal/keypair"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

const showHelp = `Show certificates in full: role, DN as libvirt matches it, issuer, SANs, key,
serial, SHA-256 fingerprint, and until when.

NAME is the CN of a certificate that is installed here or that the CA here has
signed, or a serial in hexadecimal. Something with a slash in it, or that is a
file, is read as a file; every certificate in it is shown.`

func newShow(e *env, g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME|FILE...",
		Short:   "Show a certificate, by name or file",
		Long:    help(showHelp, exitDone, exitError, exitUsage),
		Example: "  virtpki show admin\n  virtpki show /etc/pki/libvirt/servercert.pem",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return e.show(g, args)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return completeNames(g.Machine), cobra.ShellCompDirectiveDefault
		},
	}
}

func (e *env) show(g *globals, args []string) error {
	var infos []certinfo.Info
	for _, arg := range args {
		found, err := e.find(g.Machine, arg)
		if err != nil {
			return err
		}
		infos = append(infos, found...)
	}
	if g.json {
		return e.printJSON(infos)
	}
	for i, info := range infos {
		if i > 0 {
			termtext.Fprintf(e.stdout, "\n")
		}
		if err := e.printTable(info.Fields()); err != nil {
			return err
		}
	}
	return nil
}

// find looks a certificate up: a file if there is one, else by CN or serial. A
// folder of that name, where bundles lie, is none.
func (e *env) find(m *machine.Machine, arg string) ([]certinfo.Info, error) {
	if strings.Contains(arg, "/") || m.Tree().Exists(arg) && !isFolder(arg) {
		return e.certsIn(arg)
	}
	all, err := everything(m)
	var found []certinfo.Info
	for _, info := range all {
		if info.Name == arg || strings.EqualFold(info.Serial, arg) {
			found = append(found, info)
		}
	}
	if len(found) == 0 {
		return nil, errors.Join(fmt.Errorf("no certificate named %s here, and no such file", termtext.QuoteShort(arg)), err)
	}
	return found, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (e *env) certsIn(path string) ([]certinfo.Info, error) {
	certs, err := keypair.ReadCerts(store.Tree{}, path)
	infos := make([]certinfo.Info, len(certs))
	for i, cert := range certs {
		infos[i] = certinfo.Of(cert, path, e.here.Now())
	}
	return infos, err
}

// completeNames offers the names of the certificates that are known here.
func completeNames(m *machine.Machine) []string {
	return completeThose(m, func(certinfo.Info) bool { return true })
}

// completeLive offers the names of those that can be revoked: leafs that have not
// expired and are not revoked yet.
func completeLive(m *machine.Machine) []string {
	return completeThose(m, func(info certinfo.Info) bool {
		return !slices.Contains(info.Roles, "ca") && !info.Expired && info.Revoked == ""
	})
}

// completeThose offers no name that a terminal must not get: it cannot be typed.
func completeThose(m *machine.Machine, offer func(certinfo.Info) bool) []string {
	all, _ := everything(m)
	var names []string
	for _, info := range all {
		if info.Name != "" && offer(info) && termtext.Line(info.Name) == info.Name {
			names = append(names, cobra.CompletionWithDesc(info.Name, info.RoleText()+", until "+info.Until()))
		}
	}
	return names
}
