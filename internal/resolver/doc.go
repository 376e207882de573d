// Package resolver looks host names up as the programs of this system do.
//
// A static Go program reads the hosts file and asks DNS. virsh and libvirtd use nsswitch.conf,
// with modules such as myhostname, mdns, resolve and libvirt's own. So the package asks getent,
// and uses Go's resolver only if getent is missing or fails. It connects to nothing and keeps
// nothing.
package resolver
