package main

import (
	"bytes"
	"errors"
	"fmt"

	"virtpki/internal/hint"
	"virtpki/internal/program"
	"virtpki/internal/prompt"
	"virtpki/pki"
)

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
