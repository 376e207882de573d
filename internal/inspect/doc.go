// Package inspect looks at a machine's files for the judge.
//
// It reads and decides nothing: what files mean is internal/judge's to say. A device is
// never opened, and a file larger than its reader takes is not read.
package inspect
