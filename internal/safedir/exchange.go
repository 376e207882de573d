package safedir

import "errors"

// ErrNoExchange says that the system or the file system cannot exchange two directories.
var ErrNoExchange = errors.New("two directories cannot be exchanged here")
