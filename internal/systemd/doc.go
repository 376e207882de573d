// Package systemd returns the commands that systemd would run for a unit of a machine or an
// image: the unit file that counts with its drop-ins, its environment, and the command line
// after all substitutions.
//
// It reads files and asks no running systemd. Variables that the manager itself hands down
// (DefaultEnvironment=, PassEnvironment=), credentials and generators that have not run are not
// seen; aliases and instances of templates are not followed. Of the specifiers it expands those
// that are the same on every machine; a value with another one stays as it is written. A line
// that systemd ignores with a warning is ignored without one, and so is an EnvironmentFile=
// without a minus that is missing, although the service does not start then.
package systemd
