// Package grant decides what a certificate may say before a CA signs it: whether a [Policy]
// grants its names, whether they belong to somebody else ([Holders]), and whether somebody
// with them was shut out by a revocation ([History]).
//
// It looks at the finished certificate and not at the request, so a name that a template
// added, or that was shortened or derived, is checked like any other. It makes no
// certificate and signs none. It reads no disk, no clock and no flags: callers bring the
// certificates that are live and those that are revoked.
package grant
