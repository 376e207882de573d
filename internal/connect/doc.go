// Package connect connects to a daemon as a client of libvirt does, and says which step
// fails, who says no, and what to do.
//
// It changes nothing, here or there. Whose files are judged by whose rules is
// internal/judge's to say; the words of a verdict are in [Verdicts].
package connect
