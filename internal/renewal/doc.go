// Package renewal renews the certificates of a machine that are due, here with the CA's key
// or by a CA elsewhere, and has daemons and guests use them.
//
// It signs only the names that the CA has granted before, and lets nobody in again who was
// revoked. How a daemon comes to use the new files, and goes back where it refuses them, is
// decided in reload; how a response of the CA is installed, in enroll. Why something is due
// is a chain of pure functions over facts, in rule.go.
package renewal
