// Package grant checks a certificate before a CA signs it: whether a [Policy] grants its names,
// whether they belong to somebody else ([Holders]), and whether a revocation has shut out a host or
// client with these names ([History]).
//
// It looks at the finished certificate and not at the request, so a name that a template added, or
// that was shortened or derived, is checked like any other. It does not make or sign certificates.
// It does not read files, the clock or flags: callers pass in the live certificates and the revoked
// ones.
package grant
