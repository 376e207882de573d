// Package fleet makes bundles of keys and certificates for thousands of hosts, in the order of
// a list, and reads the certificates of such bundles.
//
// Bundles that are there are looked at and kept; a run that was interrupted is gone on with.
// Which names a certificate is for it is told by its caller, and how files reach the disk is
// package batch's. It prints nothing.
package fleet
