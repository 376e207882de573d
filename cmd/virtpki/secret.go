package main

import (
	"bytes"
	"errors"
	"fmt"

	"virtpki/internal/hint"
	"virtpki/internal/prompt"
	"virtpki/pki"
)

// maxSecret is more than any passphrase needs, in bytes.
const maxSecret = 64 << 10

// secret reads a passphrase: the first line of a file, else from the terminal.
func (e *env) secret(file, question string) ([]byte, error) {
	if file == "" {
		secret, err := await(e, func() ([]byte, error) { return e.askSecret(question) })
		if errors.Is(err, prompt.ErrNoTerminal) {
			return nil, hint.With(pki.ErrKeyEncrypted, "give the passphrase with --passphrase-file")
		}
		return secret, err
	}
	data, err := e.readStream(file, maxSecret)
	if err != nil {
		return nil, err
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return nil, fmt.Errorf("%s: the first line, which should be the passphrase, is empty", file)
	}
	return line, nil
}
