// Package revocation puts a new CRL in force. It finds the certificates to revoke, signs the
// CRL, installs it where the daemons of this machine read one, and makes them reload. Then it
// ends the connections of revoked clients, and verifies that they are refused.
//
// It reaches only the daemons of this machine; other hosts need a copy of the CRL. It restarts a
// daemon with files of its own only with the command that the caller gives. Package grant decides
// which later certificates a revocation rules out.
package revocation
