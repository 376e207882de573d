// Package machine is the machine that a run works on: its root, its clock, its names, its
// paths, its daemons and their users.
//
// It knows no CA, no certificate of libvirt's and no command. What a flag means for paths
// is decided here; what is done there is decided elsewhere.
package machine
