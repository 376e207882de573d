// Package starttls speaks the protocols in which QEMU serves TLS, as far as a client needs to
// get to TLS and to see that the server has admitted it: VNC, NBD, SPICE, and bare TLS.
//
// It reads and writes on a connection of its caller, and leaves TLS to the caller:
// [Dialogue.Begin] is called before the handshake, and [Dialogue.Confirm] after it. It does not
// trust the server: it limits sizes before it allocates anything, and quotes texts of a server
// in errors. No dialogue starts a session: each ends before the server shows or sends anything
// of a guest.
package starttls
