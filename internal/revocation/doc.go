// Package revocation puts a new CRL in force: it finds the certificates that are meant,
// signs the list, places it where daemons here read one, has them reload, ends the
// connections of revoked clients, and verifies that they are refused.
//
// It reaches the daemons of this machine alone; other hosts need a copy of the list. A
// daemon with files of its own is restarted only by the command that the caller gives. Whom
// a revocation shuts out beyond its certificate is weighed by package grant.
package revocation
