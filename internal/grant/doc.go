// Package grant decides what a certificate may say before a CA signs it. It looks at
// the finished certificate, as it will be signed, and not at the request that it was
// made from: what derives, shortens or templates names comes before it.
//
// It reads no disk, no clock and no flags.
package grant
