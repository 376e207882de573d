// Package program holds the parts of virtpki that any program has: its version, its streams, the
// signals that end it, and one line and a status of 1 where the runtime would print a traceback.
//
// It does not know the commands; it asks whether a change is being made. It cannot report a
// program that ends before main begins, or that the kernel kills for want of memory.
package program
