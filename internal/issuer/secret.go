package issuer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/program"
	"virtpki/internal/store"
)

// maxSecret is more than any token or password needs, in bytes.
const maxSecret = 64 << 10

// read returns a secret: the first line of a file, which may be a descriptor, or the value of
// an environment variable. Its errors do not contain the secret.
func (s *Secret) read() ([]byte, error) {
	if s == nil {
		return nil, fmt.Errorf("no password is set")
	}
	if s.Env != "" {
		value := os.Getenv(s.Env)
		if value == "" {
			return nil, fmt.Errorf("the environment variable %s is not set, or empty", s.Env)
		}
		return []byte(value), nil
	}
	if isDescriptor(s.File) {
		return program.ReadSecret(nil, s.File)
	}
	data, err := store.Tree{}.ReadPrivate(s.File, maxSecret)
	if err != nil {
		return nil, err
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return nil, fmt.Errorf("%s: the first line, which should be the secret, is empty", s.File)
	}
	return line, nil
}

// isDescriptor reports whether a path names a descriptor that this process inherited.
func isDescriptor(path string) bool {
	return strings.HasPrefix(path, "/dev/fd/") || strings.HasPrefix(path, "/proc/self/fd/")
}

// Files returns the paths of the files that the configuration names, each once: secrets, keys and
// CA certificates. Another machine needs them too. A secret that is not in a file is an error, and
// so is a file that does not exist here or that others can read.
func (c *Config) Files() (paths []string, err error) {
	secret := []string{c.Server.KeyFile, c.Client.KeyFile}
	for _, s := range c.secrets() {
		if s.Env != "" || isDescriptor(s.File) {
			return nil, hint.With(errors.New("a secret is in an environment variable or a descriptor, which other machines do not have"), "name a file")
		}
		secret = append(secret, s.File)
	}
	for _, path := range secret {
		if path == "" || slices.Contains(paths, path) {
			continue
		}
		if _, err := (store.Tree{}).ReadPrivate(path, maxSecret); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	if _, err := c.caFile(); err != nil {
		return nil, err
	}
	if c.CAFile != "" && !slices.Contains(paths, c.CAFile) {
		paths = append(paths, c.CAFile)
	}
	return paths, nil
}
