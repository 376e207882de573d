package cakey

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/pkcs11"
	"virtpki/internal/program"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// pinOf returns the PIN of a token: from the file that its URI names, otherwise from ask.
func (d *Devices) pinOf(u *pkcs11.URI, t pkcs11.Token, ask Ask) ([]byte, error) {
	if u.PINSource != "" {
		return readPIN(u.PINSource)
	}
	pin, err := ask(termtext.Sprintf("PIN of the token %s: ", t.Label))
	if errors.Is(err, pki.ErrKeyEncrypted) {
		err = hint.With(errors.New("the token needs a PIN, and you gave none"), "%s", d.howToGivePIN())
	}
	return pin, err
}

// howToGivePIN returns the ways of giving a PIN that this run accepts.
func (d *Devices) howToGivePIN() string {
	if d.Image != "" {
		return "give the PIN with --passphrase-file: with --root virtpki reads no PIN from a file that cakey.pem names"
	}
	return "give the PIN with --passphrase-file, or name its file in the URI: pin-source=file:PATH"
}

// maxPIN is how much of a PIN's file is read, in bytes.
const maxPIN = 4096

// readPIN reads the first line of a pin-source (RFC 7512 section 2.4). It runs no program.
func readPIN(source string) ([]byte, error) {
	path := strings.TrimPrefix(source, "file:")
	if rest, found := strings.CutPrefix(path, "//"); found {
		path = "/" + strings.TrimLeft(strings.TrimPrefix(rest, "localhost"), "/")
	}
	if !filepath.IsAbs(path) {
		return nil, errors.New("pin-source does not name a file by an absolute path")
	}
	if strings.HasPrefix(path, "/dev/fd/") {
		return program.ReadSecret(nil, path)
	}
	data, err := store.Tree{}.ReadPrivate(path, maxPIN)
	if err != nil {
		return nil, fmt.Errorf("reading the PIN: %w", err)
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return nil, fmt.Errorf("%s: the first line, which should be the PIN, is empty", path)
	}
	return line, nil
}
