// Package trace stands between a program and the kernel, for tests: it sees each
// system call by which the program looks at a file or changes one, and says whether it
// is carried out, fails, or is the last one before the program is killed.
//
// The calls of all threads, and of the programs that the program starts, come one at a
// time and in one order. [Tracee.Run] needs Linux 5.5 and the program of internal/lab/tracee,
// which installs the filter.
package trace
