// Package reload makes the daemons and guests of a machine use the TLS files on disk, verifies
// by a connection that they do, and restores the previous files if they do not.
//
// It does not sign or judge certificates: its caller has written the files, and the only files
// that this package writes are the previous ones. Package libvirt/running finds the running
// daemons and the files that each reads. A daemon with files of its own is never reloaded: the
// caller's command restarts it, or it is left alone.
package reload
