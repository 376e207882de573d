// Package provision makes a host ready: it plans the host's key pairs, the CA certificates and
// CRLs beside them, QEMU's directories and the daemon's configuration, from a CA on this
// machine or from a bundle. It also plans the bundles that issue makes.
//
// It decides which names the certificates get ([Naming]). Package authority makes and records
// them, package hostconf has the entries of configuration files, and package fleet makes
// thousands of bundles at once. It talks to no daemon: the caller has daemons use the new
// files.
package provision
