// Package connect connects to a daemon as a client of libvirt does, and says which step fails,
// which side refuses, and what to do.
//
// It does not change anything, here or there. Package internal/judge knows the rules for the
// files of each program; the words of a verdict are in [Verdicts].
package connect
