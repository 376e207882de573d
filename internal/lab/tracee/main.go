//go:build linux

// Command tracee becomes another program, and reports its system calls to the process that has
// started it; see internal/lab/trace:
//
//	tracee CALL,... PROGRAM ARGUMENT...
package main

import (
	"fmt"
	"os"

	"virtpki/internal/lab/trace"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "tracee: name the calls and a program")
		os.Exit(2)
	}
	err := trace.Exec(os.Args[1], os.Args[2:])
	fmt.Fprintln(os.Stderr, "tracee:", err)
	os.Exit(1)
}
