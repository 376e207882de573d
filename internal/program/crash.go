package program

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"virtpki/internal/termtext"
)

// Guard returns f so that a panic in it ends the program with one line. A Go traceback would not
// help a user, and would show others the memory of a program that has keys in it.
func Guard(f func()) func() {
	return func() {
		defer Catch()
		f()
	}
}

// Catch is deferred: it ends the program instead of a panic. The files are as after a kill: each
// is whole.
func Catch() {
	if wrong := recover(); wrong != nil {
		termtext.Fprintf(os.Stderr, "virtpki: error: internal error: %v (%s, virtpki %s)\nvirtpki: hint: report it, with the command that you ran\n",
			wrong, panicPlace(), Version())
		os.Exit(1)
	}
}

// panicPlace returns the file and line of the panic.
func panicPlace() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(0, callers)])
	panicking := false
	for {
		frame, more := frames.Next()
		inRuntime := strings.HasPrefix(frame.Function, "runtime.")
		if panicking && !inRuntime || !more {
			return filepath.Base(frame.File) + ":" + strconv.Itoa(frame.Line)
		}
		panicking = panicking || frame.Function == "runtime.gopanic"
	}
}
