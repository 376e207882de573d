// Package hostconf plans the entries of this host's configuration files that match its
// certificates: libvirtd.conf or virtproxyd.conf, qemu.conf, and libvirt.conf of clients.
//
// It returns the entries, or plans an edit that leaves every other byte as it is and keeps
// the old file. It restarts no daemon: a daemon's next start reads what was written. The
// syntax is internal/libvirt/conf's, which settings a file needs internal/libvirt's, and
// who is on a list internal/allowlist's.
package hostconf
