package main

import (
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/provision"
)

// withOptions say which of QEMU's directories to fill; bootstrap, issue, install and renew share
// them.
type withOptions struct {
	with     []string
	group    string
	separate bool
	ca       string
}

func (o *withOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&o.with, "with", nil, "also fill the directories of QEMU's `uses`: "+strings.Join(libvirt.QEMUUseNames(), ", "))
	flags.StringVar(&o.group, "qemu-group", "", "`group` that may read QEMU's keys (default: that of qemu.conf, else the distribution's)")
	flags.BoolVar(&o.separate, "separate", false, "give each of QEMU's directories its own keys and certificates, instead of copies of libvirt's")
	flags.StringVar(&o.ca, "qemu-ca", "", "`directory` of another CA that signs for QEMU")
	cmd.MarkFlagDirname("qemu-ca")
	completeFrom(cmd, "with", libvirt.QEMUUseNames()...)
}

func (o *withOptions) check() (*provision.QEMU, error) {
	w := &provision.QEMU{Separate: o.separate || o.ca != "", Group: o.group, CA: o.ca}
	var err error
	if w.Uses, err = libvirt.FindQEMUUses(o.with); err != nil {
		return nil, hint.Usage(err)
	}
	if len(w.Uses) == 0 && (o.group != "" || o.separate || o.ca != "") {
		return nil, hint.Usagef("--qemu-group, --separate and --qemu-ca need --with")
	}
	return w, nil
}
