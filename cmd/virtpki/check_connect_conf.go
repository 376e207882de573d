package main

import (
	"fmt"
	"os"
	"path/filepath"

	"virtpki/internal/libvirt"
	"virtpki/internal/store"
)

// clientConf reads the conf that a client of libvirt's reads here; none is an empty
// one. libvirt stops at one that it cannot read, and so does this.
func clientConf(g *globals) (*libvirt.Conf, error) {
	path := clientConfPath(g)
	if !store.Exists(path) {
		return libvirt.ParseConf(nil)
	}
	data, err := store.ReadFile(path, libvirt.MaxConfSize)
	if err != nil {
		return nil, err
	}
	conf, err := libvirt.ParseConf(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return conf, nil
}

func clientConfPath(g *globals) string {
	if os.Geteuid() == 0 {
		return libvirt.ClientConfPath(g.underRoot(g.sysconfdir))
	}
	folder := os.Getenv("XDG_CONFIG_HOME")
	if folder == "" {
		home, _ := os.UserHomeDir()
		folder = filepath.Join(home, ".config")
	}
	return libvirt.ClientConfPath(g.underRoot(folder))
}
