package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/machine"
	"virtpki/internal/program"
	"virtpki/internal/prompt"
	"virtpki/pki"
)

// env is the world as the commands see it; nothing else reaches out. Tests
// build one of their own.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	here           *machine.Machine // whose files the run reads and writes; its flags point into it
	askSecret      func(prompt string) ([]byte, error)
	askLine        func(prompt string) (string, error)
	interrupted    <-chan struct{} // closed when the run is to end
	changes        *change.Tracker
}

func newEnv() *env {
	return &env{
		stdin:     os.Stdin,
		stdout:    os.Stdout,
		stderr:    os.Stderr,
		here:      machine.New(),
		askSecret: askSecret,
		askLine:   askLine,
		changes:   change.NewTracker(),
	}
}

// askSecret reads a line from the terminal without showing it.
func askSecret(question string) ([]byte, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) || !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil, prompt.ErrNoTerminal
	}
	io.WriteString(os.Stderr, question)
	secret, err := term.ReadPassword(int(os.Stdin.Fd()))
	io.WriteString(os.Stderr, "\n")
	return secret, err
}

// askLine asks on the terminal, not on stdin and stderr: those may be pipes, stdin
// one with what the question is about.
func askLine(question string) (string, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", prompt.ErrNoTerminal
	}
	defer tty.Close()
	io.WriteString(tty, question)
	line, err := bufio.NewReader(tty).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil // no answer is one
	}
	return strings.TrimSpace(line), err
}

// maxSecret is more than any passphrase needs, in bytes.
const maxSecret = 64 << 10

// secret reads a passphrase: the first line of a file, else from the terminal.
func (e *env) secret(file, question string) ([]byte, error) {
	if file == "" {
		secret, err := program.Await(e.interrupted, func() ([]byte, error) { return e.askSecret(question) })
		if errors.Is(err, prompt.ErrNoTerminal) {
			return nil, hint.With(pki.ErrKeyEncrypted, "give the passphrase with --passphrase-file")
		}
		return secret, err
	}
	data, err := program.ReadStream(e.interrupted, file, maxSecret)
	if err != nil {
		return nil, err
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return nil, fmt.Errorf("%s: the first line, which should be the passphrase, is empty", file)
	}
	return line, nil
}

// ask asks for a line until the run is interrupted.
func (e *env) ask(prompt string) (string, error) {
	return program.Await(e.interrupted, func() (string, error) { return e.askLine(prompt) })
}
