// Package running finds the daemons of a machine that read a server certificate: their
// processes, their sockets, and the files that each of them really reads.
//
// It looks and never changes anything, and starts no daemon that systemd would start on
// a connection; only [At] connects to whatever socket it is given. On Linux it goes by
// /proc; elsewhere it knows no processes, and takes a daemon's configuration for its
// word. Whether the files are any good is not its question, but package judge's.
package running
