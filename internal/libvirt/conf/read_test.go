package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestRead(t *testing.T) {
	broken := errors.New("input/output error")
	for _, c := range []struct {
		name, content string
		err           error // of the read
		want          string
	}{
		{"a file", "listen_tls = 1\n", nil, ""},
		{"an empty file", "", nil, ""},
		{"none", "", fmt.Errorf("open f: %w", fs.ErrNotExist), ""},
		{"unreadable", "", broken, "input/output error"},
		{"refused by libvirt", "listen_tls = \n", nil, "f: line 1, column 14: expecting a value (the line ends here)"},
	} {
		file, err := Read("f", func(path string, limit int64) ([]byte, error) {
			if path != "f" || limit != MaxSize {
				t.Errorf("%s: reads %q up to %d bytes", c.name, path, limit)
			}
			if c.err != nil {
				return nil, c.err
			}
			return []byte(c.content), nil
		})
		switch {
		case c.want != "":
			if err == nil || err.Error() != c.want {
				t.Errorf("%s: error %v, want %s", c.name, err, c.want)
			}
		case err != nil || string(file.Bytes()) != c.content || (file.Bytes() == nil) != (c.err != nil):
			t.Errorf("%s: got %q, %v", c.name, file.Bytes(), err)
		}
	}
}
