package program

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// ErrNoTerminal says that a question cannot be asked.
var ErrNoTerminal = errors.New("no terminal to ask on")

// AskSecret reads a line from the terminal without showing it.
func AskSecret(question string) ([]byte, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) || !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil, ErrNoTerminal
	}
	io.WriteString(os.Stderr, question)
	secret, err := term.ReadPassword(int(os.Stdin.Fd()))
	io.WriteString(os.Stderr, "\n")
	return secret, err
}

// AskLine asks on the terminal, not on stdin and stderr: those may be pipes, and stdin may carry
// the data that the question is about.
func AskLine(question string) (string, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", ErrNoTerminal
	}
	defer tty.Close()
	io.WriteString(tty, question)
	line, err := bufio.NewReader(tty).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil // no answer is an answer too
	}
	return strings.TrimSpace(line), err
}

// Colours reports whether output to a stream has colours: when is always, never, or auto.
// With auto it has them on a terminal, unless NO_COLOR is set (https://no-color.org) or
// TERM is dumb.
func Colours(stream any, when string) bool {
	if when != "auto" {
		return when == "always"
	}
	return OnTerminal(stream) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// OnTerminal reports whether a stream is a terminal.
func OnTerminal(stream any) bool {
	file, ok := File(stream)
	return ok && term.IsTerminal(int(file.Fd()))
}

// maxSecret is more than any passphrase needs, in bytes.
const maxSecret = 64 << 10

// ReadSecret reads a passphrase: the first line of a file, which may be a FIFO. It ends
// when the run is interrupted.
func ReadSecret(interrupted <-chan struct{}, file string) ([]byte, error) {
	data, err := ReadStream(interrupted, file, maxSecret)
	if err != nil {
		return nil, err
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return nil, fmt.Errorf("%s: the first line, which should be the passphrase, is empty", file)
	}
	return line, nil
}
