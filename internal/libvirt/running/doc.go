// Package running finds the daemons of a machine that read a server certificate: their
// processes, their sockets, and the files that each of them really reads.
//
// It looks and never changes anything. It does not start a daemon that systemd would start on a
// connection; only [At] connects to any socket that it is given. On Linux it goes by /proc;
// elsewhere it knows no processes, and believes a daemon's configuration. It does not judge the
// files; package judge does.
package running
