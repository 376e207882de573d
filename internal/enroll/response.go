package enroll

import (
	"bytes"
	"fmt"

	"virtpki/internal/store"
	"virtpki/pki"
)

// ReadResponses returns the contents of some files as one response. read returns the contents
// of a file of at most some bytes; "-" is stdin.
func ReadResponses(files []string, read func(file string, limit int64) ([]byte, error)) (*pki.Answer, error) {
	var all [][]byte
	for _, file := range files {
		data, err := read(file, store.MaxPEM)
		if err != nil {
			return nil, err
		}
		if file == "-" {
			file = "stdin"
		}
		if _, err = pki.ParseAnswer(data); err != nil { // an error has to name its file
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, data)
	}
	return pki.ParseAnswer(bytes.Join(all, []byte("\n")))
}
