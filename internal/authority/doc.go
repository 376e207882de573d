// Package authority is a CA in its directory: it opens the CA, makes or imports one, signs
// and records certificates, makes CRLs, and replaces one generation of the CA with the next.
//
// It plans files but does not write them. An [Order] becomes a certificate with its record, a
// [CRLRequest] a CRL in each place that holds one, also outside the CA's directory. It does not
// talk to daemons. It signs the names that it is given, within the CA's name constraints. Package
// provision decides which names a certificate holds, package sign which names a request is granted,
// and package grant whether a host or client was shut out.
package authority
