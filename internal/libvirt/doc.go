// Package libvirt knows the requirements of libvirt and QEMU on a machine: where each of their
// files lies, its owner and mode, which daemons and clients read which files, and the demands
// of each release.
//
// Each fact stands in one table or one function here, with the place in libvirt's source that
// it follows, and nowhere else in the program. The package does not judge contents (package
// judge does) and does not ask daemons (packages rpc and running do). It looks at the machine
// only where a caller needs to ask: which packages are installed, which processes have a name,
// and where the links of a path lead.
package libvirt
