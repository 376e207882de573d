// Package provision makes a host ready: it plans the key pairs of the host, what they have
// to trust, QEMU's directories and the daemon's configuration, from a CA on this machine or
// from a bundle that the host was given; and it plans such bundles.
//
// What a certificate says and how it is recorded is the business of package authority, the
// entries of a configuration file that of hostconf. No daemon is asked or told anything here:
// whoever calls sees to it that one uses the new files. Thousands of bundles at once are
// package fleet's.
package provision
