// Package change decides, locks, decides again and applies: the steps of every run that
// writes files. It keeps what is to be told of them, and the keys that were made meanwhile.
//
// It prints nothing and signs nothing. What is decided it is given as a function; commands
// report the [Job] that comes back.
package change
