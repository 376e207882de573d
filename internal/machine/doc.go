// Package machine describes the machine that a run works on: its root directory, paths, clock,
// names, addresses, users and daemons.
//
// It turns --root, --sysconfdir and --ca into paths, and finds the names, the running daemons
// and the installed releases. It knows where a CA would be, but does not open it. It plans and
// writes no files, and decides nothing about certificates.
package machine
