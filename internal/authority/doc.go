// Package authority is a CA in its directory: its certificates and keys of each generation, the
// records of what it has signed, its CRLs, how it comes to be (made, or taken over from another
// tool), and the rollover from one generation to the next.
//
// It reads the directory and plans its files, with those of the machine that follow them: an
// [Order] becomes a certificate with its record, a [CRLRequest] a list in each place that holds
// one. It writes nothing itself and asks no daemon. Whom a certificate names is decided by
// package provision, what a request is granted by package sign, and who was shut out is
// weighed by package grant.
package authority
