package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"virtpki/internal/change"
	"virtpki/internal/machine"
	"virtpki/internal/prompt"
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
