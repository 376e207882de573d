package generate

import (
	"path/filepath"
	"slices"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/templates"
)

const watchService = "virtpki-watch.service"

// watchUnit returns the service that installs the key pairs of the watched directories.
func (r *Renewal) watchUnit() ([]File, error) {
	if r.CA != "" || r.Passphrase != "" || r.Via != "" || r.Issuer != "" || r.SameKey {
		return nil, hint.Usagef("--watch installs certificates of another CA: --ca, --passphrase-file, --same-key, --via and --issuer do not go with it")
	}
	if slices.Contains(r.Watch, "") {
		return nil, hint.Usagef("--watch is empty")
	}
	command := slices.Concat([]string{r.Binary, "install", "--watch"}, flagArgs("from", "", r.Watch...), flagArgs("sysconfdir", machine.DefaultSysconfdir(), r.Sysconfdir))
	if r.NoReload {
		command = append(command, "--no-reload")
	}
	t := templates.Renewal{Writable: r.writable()}
	t.Command = slices.Concat(command, flagArgs("restart-command", "", r.Restart), flagArgs("metrics", "", r.Metrics))
	var daemons []string
	for _, name := range libvirt.DaemonNames() {
		daemons = append(daemons, name+".service")
	}
	if r.Restart == "" {
		t.Before = daemons
	} else { // restarting such a daemon would wait for this service, which waits for the restart
		t.After = daemons
	}
	text, err := templates.Watch(t)
	if err != nil {
		return nil, hint.Usage(err)
	}
	return []File{{Name: watchService, Text: string(text), Path: filepath.Join(r.Out, watchService), Mode: fileMode}}, nil
}
