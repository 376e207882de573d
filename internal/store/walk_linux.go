package store

import "golang.org/x/sys/unix"

// openPath opens a directory to go on from: one that may not be listed too.
const openPath = unix.O_PATH
