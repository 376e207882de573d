// Package adopt takes certificates and keys that somebody else made: a company's CA,
// cert-manager, certmonger, lego, Vault Agent or step.
//
// It finds the files, reads them in a way that no other user can lead astray, and tells
// which certificate is for which role. It makes no key and signs nothing. What it has read is
// judged, put in place and verified by package enroll, as a response of a CA is.
package adopt
