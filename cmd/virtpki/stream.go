package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// output is stdout. It remembers the first error, so that no print has to be asked
// whether it went well.
type output struct {
	io.Writer
	err error
}

func (o *output) Write(data []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.Writer.Write(data)
	o.err = err
	return n, err
}

// finish closes stdout: some file systems say only then that they are full.
func (o *output) finish() error {
	if file, ok := o.Writer.(*os.File); ok && o.err == nil {
		o.err = file.Close()
	}
	return o.err
}

// lostOutput words an error of stdout. after is what the command itself ended with.
func (e *env) lostOutput(lost, after error) error {
	if errors.Is(after, lost) {
		lost = after
	}
	if e.changes.Changed() {
		return fmt.Errorf("the changes were made, but not everything about them could be told: %w", lost)
	}
	return lost
}

// exitPipe is the status of a program that nobody listens to any more, as a shell
// counts it.
const exitPipe = 128 + int(syscall.SIGPIPE)

// hearPipes turns a write into a closed pipe into an error, so that a change is not
// left half way because of it.
func hearPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// diePiped ends as every program does whose output nobody reads. Of a SIGPIPE the
// Go runtime takes no notice unless it comes from a write.
func diePiped() {
	signal.Reset(syscall.SIGPIPE)
	os.Stdout.Write([]byte("\n"))
}

// input is stdin. A read ends when the run is interrupted.
type input struct {
	io.Reader
	e *env
}

func (in input) Read(p []byte) (int, error) {
	data, err := await(in.e, func() ([]byte, error) {
		data := make([]byte, len(p)) // p is the caller's again once the run is interrupted
		n, err := in.Reader.Read(data)
		return data[:n], err
	})
	return copy(p, data), err
}

// stdinFile is stdin as a file, for those who need a terminal.
func (e *env) stdinFile() (*os.File, bool) {
	reader := e.stdin
	if in, ok := reader.(input); ok {
		reader = in.Reader
	}
	file, ok := reader.(*os.File)
	return file, ok
}

// stdoutFile is stdout as a file, for those who must not write onto a terminal.
func (e *env) stdoutFile() (*os.File, bool) {
	writer := e.stdout
	if out, ok := writer.(*output); ok {
		writer = out.Writer
	}
	file, ok := writer.(*os.File)
	return file, ok
}

// readStream reads up to limit bytes of what need not be a regular file: a FIFO or a
// descriptor, say.
func (e *env) readStream(path string, limit int64) ([]byte, error) {
	return await(e, func() ([]byte, error) {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return io.ReadAll(io.LimitReader(file, limit))
	})
}
