package main

import (
	"os"

	"virtpki/internal/libvirt/conf"
)

// readClientConf reads the conf that a client of libvirt's reads here; none is an
// empty one. libvirt stops at one that it cannot read, and so does this.
func readClientConf(g *globals) (*conf.File, error) {
	path, err := g.clientConf(os.Geteuid() != 0)
	if err != nil || !g.tree().Exists(path) {
		return conf.Parse(nil) // no home, or a directory that may not be looked into: libvirt goes on without
	}
	return conf.Read(path, g.tree().ReadFile)
}
