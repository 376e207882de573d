// Package rpc speaks libvirt's protocols, so that a daemon can be asked things and told
// to read its files again without virsh or virt-admin: the administration protocol, the
// calls that every client begins with, a few about guests, and TLS on libvirt's port and
// on others.
//
// It makes connections and calls. It does not look for daemons ([DialGuests] apart), it
// decides nothing by the answers, and it has of each protocol only the calls that
// virtpki makes. What a daemon sends is taken for hostile: sizes are bounded before
// anything is allocated, and no call waits without end. The tests of package running
// try it on real daemons.
package rpc
