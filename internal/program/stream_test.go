package program

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"virtpki/internal/hint"
)

// failing fails from its second write on.
type failing struct{ writes int }

var errFull = errors.New("full")

func (f *failing) Write(data []byte) (int, error) {
	if f.writes++; f.writes > 1 {
		return 0, errFull
	}
	return len(data), nil
}

func TestOutputRemembersTheFirstError(t *testing.T) {
	w := &failing{}
	out := &Output{Writer: w}
	for range 4 {
		io.WriteString(out, "x")
	}
	if err := out.Finish(); !errors.Is(err, errFull) || w.writes != 2 {
		t.Errorf("%v after %d writes", err, w.writes)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	out = &Output{Writer: file}
	io.WriteString(out, "x")
	if err := out.Finish(); err != nil {
		t.Error(err)
	}
	if _, err := file.Write([]byte("y")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a finished output is open: %v", err)
	}
}

// TestAwait leaves behind a read that does not end.
func TestAwait(t *testing.T) {
	interrupted := make(chan struct{})
	if got, err := Await(interrupted, func() (string, error) { return "line", nil }); got != "line" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	r, w := io.Pipe()
	defer w.Close()
	begun := make(chan struct{})
	go func() {
		<-begun
		close(interrupted)
	}()
	in := Input{Reader: readFunc(func(p []byte) (int, error) { close(begun); return r.Read(p) }), Interrupted: interrupted}
	if n, err := in.Read(make([]byte, 8)); n != 0 || !errors.Is(err, hint.ErrInterrupted) {
		t.Errorf("%d, %v", n, err)
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func TestInputReadsAll(t *testing.T) {
	text := strings.Repeat("0123456789", 1000)
	got, err := io.ReadAll(Input{Reader: strings.NewReader(text)})
	if err != nil || string(got) != text {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestFile(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, stream := range []any{file, Input{Reader: file}, &Output{Writer: file}} {
		if got, ok := File(stream); !ok || got != file {
			t.Errorf("%T: %v", stream, got)
		}
	}
	for _, stream := range []any{nil, &bytes.Buffer{}, Input{Reader: &bytes.Buffer{}}, &Output{Writer: &bytes.Buffer{}}} {
		if got, ok := File(stream); ok {
			t.Errorf("%T: %v", stream, got)
		}
	}
}

func TestReadStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := ReadStream(nil, path, 3); string(data) != "sec" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := ReadStream(nil, path+"x", 3); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestReadSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for text, want := range map[string]string{"secret": "secret", "secret\r\nmore": "secret", " a b \n": " a b ", "": "", "\nsecret": ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadSecret(nil, path); string(got) != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}
