// Package adopt takes certificates and keys that somebody else made: a company's CA,
// cert-manager, certmonger, lego, Vault Agent or step.
//
// It finds the files, reads them in a way that no other user can lead astray, and decides which
// certificate is for which role. It does not make keys and does not sign. Package enroll
// checks, installs and verifies the files, as it does with a response of a CA.
package adopt
