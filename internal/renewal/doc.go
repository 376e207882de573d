// Package renewal renews the due certificates of a machine, with the CA's key or by a CA
// elsewhere, and has daemons and guests use them.
//
// With the CA's key it signs only names that the CA has signed before, and the machine's own
// addresses. In a user's directory it renews no certificate of a client that was revoked; the
// machine's own certificates it does renew after a revocation, with a key that is not known
// to be compromised. A CA elsewhere decides by its own policy. Package enroll installs the
// response of that CA, and package reload verifies the new files and restores the previous
// ones if a daemon refuses them. Why a certificate is due is decided in rule.go, by pure
// functions over facts.
package renewal
