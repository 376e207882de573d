package systemd

import "errors"

// How much is read of a unit and its drop-ins, and again of its environment files: files, and bytes
// of all of them. A unit of an image may name one large file any number of times.
const (
	maxFiles = 256
	maxBytes = 2 * maxUnit
)

// The longest command line and the longest argument that Linux starts a program with, in bytes
// (execve(2), "Limits on size of arguments and environment").
const (
	maxArgs = 2 << 20
	maxArg  = 128 << 10
)

// errTooMuch is the error for a unit that is larger than that.
var errTooMuch = errors.New("the unit has too many files, or they are too large")

// quota counts the files of a unit.
type quota struct{ files, bytes int }

// take counts one more file, with this many bytes.
func (q *quota) take(bytes int) error {
	q.files++
	q.bytes += bytes
	if q.files > maxFiles || q.bytes > maxBytes {
		return errTooMuch
	}
	return nil
}
