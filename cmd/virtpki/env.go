package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"virtpki/internal/cakey"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/machine"
	"virtpki/internal/program"
	"virtpki/pki"
)

// env gives the commands their access to the outside world; no other code reaches it. Tests build
// their own env.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	here           *machine.Machine // the run reads and writes the files of this machine; its flags point into it
	askSecret      func(prompt string) ([]byte, error)
	askLine        func(prompt string) (string, error)
	interrupted    <-chan struct{} // closed when the run has to end
	changes        *change.Tracker
	devices        *cakey.Devices           // devices that may hold the CA's key
	paint          func(text string) string // colours for stderr; nil for none
}

func newEnv() *env {
	return &env{
		stdin:     os.Stdin,
		stdout:    os.Stdout,
		stderr:    os.Stderr,
		here:      machine.New(),
		askSecret: program.AskSecret,
		askLine:   program.AskLine,
		changes:   change.NewTracker(),
	}
}

// secret reads a passphrase: the first line of the file, or a line from the terminal if there is
// no file.
func (e *env) secret(file, question string) ([]byte, error) {
	if file != "" {
		return program.ReadSecret(e.interrupted, file)
	}
	secret, err := program.Await(e.interrupted, func() ([]byte, error) { return e.askSecret(question) })
	if errors.Is(err, program.ErrNoTerminal) {
		err = hint.With(pki.ErrKeyEncrypted, "give the passphrase with --passphrase-file")
	}
	return secret, err
}

// ask asks for a line until the run is interrupted.
func (e *env) ask(prompt string) (string, error) {
	return program.Await(e.interrupted, func() (string, error) { return e.askLine(prompt) })
}

// devicesOf returns the devices of the run, for keys of the machine that the flags name.
func (e *env) devicesOf(g *globals) *cakey.Devices {
	e.devices.Interrupted, e.devices.Image = e.interrupted, ""
	if root, err := filepath.Abs(g.Root); err != nil || root != "/" {
		e.devices.Image = root
	}
	return e.devices
}
