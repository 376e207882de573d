package main

import (
	"fmt"
	"os"

	"virtpki/internal/libvirt/conf"
)

// readClientConf reads the conf that a client of libvirt's reads here; none is an
// empty one. libvirt stops at one that it cannot read, and so does this.
func readClientConf(g *globals) (*conf.File, error) {
	path, err := g.clientConf(os.Geteuid() != 0)
	if err != nil || !g.tree().Exists(path) {
		return conf.Parse(nil) // no home, no conf
	}
	data, err := g.tree().ReadFile(path, conf.MaxSize)
	if err != nil {
		return nil, err
	}
	file, err := conf.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}
