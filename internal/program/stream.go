package program

import (
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Output is stdout. It remembers the first error, so that callers need not check each print.
type Output struct {
	io.Writer
	// Paint, if it is set, colours the text. Each write has whole lines.
	Paint func(text string) string
	err   error
}

func (o *Output) Write(data []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	text := data
	if o.Paint != nil {
		text = []byte(o.Paint(string(data)))
	}
	if _, o.err = o.Writer.Write(text); o.err != nil {
		return 0, o.err
	}
	return len(data), nil
}

// Finish closes stdout and returns the first error. Some file systems report only then that they
// are full.
func (o *Output) Finish() error {
	if file, ok := o.Writer.(*os.File); ok && o.err == nil {
		o.err = file.Close()
	}
	return o.err
}

// Input is stdin. A read ends when the run is interrupted.
type Input struct {
	io.Reader
	Interrupted <-chan struct{}
}

func (in Input) Read(p []byte) (int, error) {
	data, err := Await(in.Interrupted, func() ([]byte, error) {
		data := make([]byte, len(p)) // p belongs to the caller again once the run is interrupted
		n, err := in.Reader.Read(data)
		return data[:n], err
	})
	return copy(p, data), err
}

// File returns the file of a stream, which may be an Input or an Output. It is for callers that
// need a terminal or must not write to one.
func File(stream any) (*os.File, bool) {
	switch s := stream.(type) {
	case Input:
		stream = s.Reader
	case *Output:
		stream = s.Writer
	}
	file, ok := stream.(*os.File)
	return file, ok
}

// ReadStream reads up to limit bytes of a file that need not be regular: a FIFO or a descriptor,
// say. It ends when the run is interrupted.
func ReadStream(interrupted <-chan struct{}, path string, limit int64) ([]byte, error) {
	return Await(interrupted, func() ([]byte, error) {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return io.ReadAll(io.LimitReader(file, limit))
	})
}

// ExitPipe is the status of a program whose output is not read any more, as a shell counts it.
const ExitPipe = 128 + int(syscall.SIGPIPE)

// HearPipes turns a write into a closed pipe into an error, so that it does not leave a change
// half made.
func HearPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// DiePiped ends as every program does whose output is not read. The Go runtime ignores a SIGPIPE
// unless it comes from a write.
func DiePiped() {
	signal.Reset(syscall.SIGPIPE)
	os.Stdout.Write([]byte("\n"))
}
