// Package reload makes the daemons and guests of a machine use the TLS files that are on
// disk, verifies by a connection that they do, and puts the previous files back where they
// do not.
//
// It signs nothing and decides nothing about certificates: the files are on disk before it
// is asked, and the only ones that it writes are the previous ones. Which daemons run and
// which files each reads is found in libvirt/running. A daemon with files of its own is
// restarted by the caller's command or left alone, never reloaded.
package reload
