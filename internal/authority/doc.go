// Package authority is a CA in its directory: it opens the CA, makes or imports one, signs
// and records certificates, makes CRLs, and replaces one generation of the CA by the next.
//
// It plans files and writes none. An [Order] becomes a certificate with its record, a
// [CRLRequest] a CRL in each place that holds one, also outside the CA's directory. It talks
// to no daemon. It signs the names that it is given, within the CA's name constraints:
// package provision decides whom a certificate names, package sign what a request is
// granted, and package grant whether a host or client was shut out.
package authority
