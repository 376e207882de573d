// Package change runs the steps of every command that writes files: decide, take the
// locks, decide again, apply. It also keeps the keys and the messages of a run.
//
// The caller brings the decision as a function and prints the [Job] that [Run] returns. The
// package signs nothing and decides nothing about certificates. It prints nothing; it has
// the machine warn when a run waits for the lock of another one.
package change
