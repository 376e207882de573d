package main

import (
	"fmt"
	"os"

	"virtpki/internal/libvirt"
)

// readClientConf reads the conf that a client of libvirt's reads here; none is an
// empty one. libvirt stops at one that it cannot read, and so does this.
func readClientConf(g *globals) (*libvirt.Conf, error) {
	path, err := g.clientConf(os.Geteuid() != 0)
	if err != nil || !g.tree().Exists(path) {
		return libvirt.ParseConf(nil) // no home, no conf
	}
	data, err := g.tree().ReadFile(path, libvirt.MaxConfSize)
	if err != nil {
		return nil, err
	}
	conf, err := libvirt.ParseConf(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return conf, nil
}
