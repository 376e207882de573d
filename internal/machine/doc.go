// Package machine is the machine that a run works on: its root directory, paths, clock,
// names, addresses, users and daemons.
//
// It turns --root, --sysconfdir and --ca into paths, and finds the names, the daemons that
// run and the releases that are installed. It knows where a CA would be and opens none. It
// plans and writes no files, and decides nothing about certificates.
package machine
