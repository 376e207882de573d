// Package libvirt knows what libvirt and QEMU expect of a machine: where each of their
// files lies, whose it is and with which mode, which daemons and clients read what, and
// what each release demands.
//
// Each fact stands in one table or one function here, with the place in libvirt's
// source that it follows, and nowhere else in the program. The package judges no
// content, which package judge does, and asks no daemon, which packages rpc and running
// do. Of the machine it sees only what a caller needs to ask: which packages are
// installed, which processes have a name, and where the links of a path lead.
package libvirt
