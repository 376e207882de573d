// Package hostconf plans the entries of this host's configuration files that match its
// certificates: libvirtd.conf or virtproxyd.conf, qemu.conf, and libvirt.conf of clients.
//
// It returns the entries, or plans an edit that leaves every other byte unchanged and keeps the old
// file. It does not restart a daemon: the daemon reads the new entries when it next starts. Package
// internal/libvirt/conf knows the syntax, internal/libvirt the settings that a file needs, and
// internal/allowlist the clients of a list.
package hostconf
