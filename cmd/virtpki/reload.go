package main

import (
	"errors"

	"github.com/spf13/cobra"

	"virtpki/internal/change"
	"virtpki/internal/libvirt"
	"virtpki/internal/reload"
)

// reloadOptions say how the daemons here are made to reload their files.
type reloadOptions struct {
	restart  string
	noReload bool
}

func (o *reloadOptions) addFlags(cmd *cobra.Command) {
	o.addRestart(cmd)
	cmd.Flags().BoolVar(&o.noReload, "no-reload", false, "write the files, but do not reload the daemons")
}

func (o *reloadOptions) addRestart(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.restart, "restart-command", "", "`command` that restarts a daemon that cannot reload, because its configuration names its own files")
	var values []string
	for _, name := range libvirt.DaemonNames() {
		values = append(values, "systemctl restart "+name)
	}
	completeFrom(cmd, "restart-command", values...)
}

// request checks the options and returns the request that they describe.
func (o *reloadOptions) request(e *env) reload.Options {
	return reload.Options{Restart: o.restart, Leave: o.noReload, Output: e.stderr}
}

func newReload(e *env, g *globals) *cobra.Command {
	o := &reloadOptions{}
	var socket string
	var rollback bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Make the daemon reload its files, and verify it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			j, err := reload.Run(cmd.Context(), g.Machine, reload.Request{Options: o.request(e), Socket: socket, RollBack: rollback})
			return e.tellWith(g, j, err)
		},
	}
	o.addRestart(cmd)
	cmd.Flags().StringVar(&socket, "socket", "", "admin `socket` of the daemon (default: found)")
	cmd.Flags().BoolVar(&rollback, "rollback", false, "restore the previous files if the daemon refuses these")
	cmd.MarkFlagFilename("socket")
	return cmd
}

// tellWith is tell for a command that continues after an error. It prints nothing when there is
// nothing to tell besides the error, or when j is nil.
func (e *env) tellWith(g *globals, j *change.Job, err error) error {
	if j == nil {
		return err
	}
	if err != nil && !g.json && len(j.Plan.Changes())+len(j.Done)+len(j.Notes)+len(j.Steps)+len(j.Unmet) == 0 {
		return err
	}
	if told := e.tell(g, j); told != nil {
		return errors.Join(told, err)
	}
	return err // unchanged: only its status tells of a check that failed
}
