// Package rpc speaks libvirt's protocols, so that a daemon can be asked things and told to
// reload its files without virsh or virt-admin: the administration protocol, the calls that
// every client begins with, a few about guests, and TLS on libvirt's port and on others.
//
// It makes connections and calls. Except for [DialGuests] it does not look for daemons. It
// takes no decisions by the replies, and of each protocol it has only the calls that virtpki
// makes. It treats the bytes from a daemon as hostile: sizes are bounded before anything is
// allocated, and no call waits without end. The tests of package running try it on real
// daemons.
package rpc
