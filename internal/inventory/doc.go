// Package inventory lists the programs that use TLS on a machine: the daemons with the
// configuration file that each reads and the way in which it listens, the directories of QEMU, and
// those of the clients.
//
// It reads the files of the machine or of an image. The caller passes the running daemons; the
// package connects to nothing and changes nothing. It takes from package systemd which daemons
// systemd would start, within the limits of that package. It knows daemons that another init system
// starts only by their configuration, and reports them as such: see [Unknown]. A socket that was
// started but not enabled counts once its daemon runs. Package judge decides whether the files are
// valid.
package inventory
