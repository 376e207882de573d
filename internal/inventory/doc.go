// Package inventory lists what uses TLS on a machine: the daemons with the configuration
// file that each reads and the way in which it listens, QEMU's directories, and the
// clients' own.
//
// It reads the files of the machine or of an image, and takes the daemons that run from
// whoever found them; it connects to nothing and changes nothing. What systemd would
// start it knows from package systemd, with that package's limits. Daemons that another
// init system starts it knows by their configuration alone, and says so: see [Unknown].
// A socket that was started and is not enabled counts from when its daemon runs.
// Whether the files are any good is not its question, but package judge's.
package inventory
