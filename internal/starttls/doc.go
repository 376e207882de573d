// Package starttls speaks the protocols in which QEMU serves TLS, as far as a client needs
// to get to TLS and to see that the server has admitted it: VNC, NBD, SPICE, and bare TLS.
//
// It reads and writes on a connection that somebody else has made, and it does no TLS
// itself: [Dialogue.Begin] is called before the handshake, and [Dialogue.Confirm] after it.
// It trusts nothing: what a server sends is bounded before anything is allocated, and texts
// of a server stand quoted in errors. No dialogue starts a session: each ends before the
// server shows or sends anything of a guest.
package starttls
