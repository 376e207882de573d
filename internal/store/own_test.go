package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// stranger is a user that does not exist here.
const stranger = 12345

func TestReadOwn(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("files of another user take root")
	}
	chown := func(path string) error { return os.Lchown(path, stranger, stranger) }
	for _, test := range []struct {
		name    string
		with    func(folder, path string) error
		refused bool
	}{
		{"of root", func(_, path string) error { return nil }, false},
		{"a stranger's", func(_, path string) error { return chown(path) }, true},
		{"open to all", func(_, path string) error { return os.Chmod(path, 0o666) }, true},
		{"open to a group", func(_, path string) error { return errors.Join(os.Chown(path, 0, stranger), os.Chmod(path, 0o664)) }, true},
		{"in a stranger's directory", func(folder, _ string) error { return chown(folder) }, true},
		{"in a directory open to all", func(folder, _ string) error { return os.Chmod(folder, 0o777) }, true},
		{"in a sticky directory", func(folder, _ string) error { return os.Chmod(folder, 0o777|fs.ModeSticky) }, false},
		{"below a stranger's directory", func(folder, _ string) error { return chown(filepath.Dir(folder)) }, true},
		{"behind root's link", func(_, path string) error { return relink(path, 0) }, false},
		{"behind a stranger's link", func(_, path string) error { return relink(path, stranger) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "home", "folder")
			path := filepath.Join(folder, "file")
			if err := errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(path, []byte("x"), 0o644), test.with(folder, path)); err != nil {
				t.Fatal(err)
			}
			data, err := (Tree{}).ReadOwn(path, 10)
			var refusal *Refusal
			if errors.As(err, &refusal) != test.refused || !test.refused && string(data) != "x" {
				t.Errorf("%q, %v, want a refusal: %v", data, err, test.refused)
			}
			if test.refused && (refusal.Hint() == "" || data != nil) {
				t.Errorf("%q is returned, the hint is %q", data, refusal.Hint())
			}
		})
	}
	if _, err := (Tree{}).ReadOwn(filepath.Join(t.TempDir(), "a", "b"), 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a missing file: %v", err)
	}
}

// relink puts a link of a user's in the place of a file.
func relink(path string, uid int) error {
	return errors.Join(os.Rename(path, path+".target"), os.Symlink("file.target", path), os.Lchown(path, uid, uid))
}

// A user who exchanges her directory for root's, again and again, cannot have a file of hers
// taken for one of root's.
func TestReadOwnIsNotRaced(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("files of another user take root")
	}
	base := t.TempDir()
	at := func(names ...string) string { return filepath.Join(append([]string{base}, names...)...) }
	for _, folder := range []string{"hers", "roots"} {
		if err := errors.Join(os.Mkdir(at(folder), 0o755), os.WriteFile(at(folder, "file"), []byte(folder), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Lchown(at("hers"), stranger, stranger), os.Lchown(at("hers", "file"), stranger, stranger)); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			from := []string{"hers", "roots"}[i%2]
			os.Rename(at(from), at("home"))
			os.Rename(at("home"), at(from))
		}
	}()
	read := 0
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); {
		if data, err := (Tree{}).ReadOwn(at("home", "file"), 10); err == nil {
			read++
			if string(data) != "roots" {
				t.Fatalf("read %q, after %d that were root's", data, read)
			}
		}
	}
	close(stop)
	<-done
	if read == 0 {
		t.Error("nothing was read")
	}
}

// A link in an image is read in the image, to any target.
func TestReadOwnStaysInTheImage(t *testing.T) {
	base := t.TempDir()
	must(t, os.MkdirAll(base+"/image"+base, 0o755))
	must(t, os.WriteFile(base+"/host", []byte("host"), 0o644))
	must(t, os.WriteFile(base+"/image"+base+"/host", []byte("image"), 0o644))
	must(t, os.Symlink(base+"/host", base+"/image/link"))
	data, err := At(base+"/image").ReadOwn(base+"/image/link", MaxPEM)
	if string(data) != "image" {
		t.Errorf("%q, %v", data, err)
	}
}

// A secret that others can read is refused, also behind a link, whatever the mode of the link.
func TestReadPrivate(t *testing.T) {
	for mode, private := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o610: false, 0o644: false} {
		folder := t.TempDir()
		path, link := filepath.Join(folder, "secret"), filepath.Join(folder, "link")
		if err := errors.Join(os.WriteFile(path, []byte("x"), 0o600), os.Chmod(path, mode), os.Symlink("secret", link)); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, link} {
			data, err := (Tree{}).ReadPrivate(name, 10)
			var refusal *Refusal
			if errors.As(err, &refusal) == private || private && string(data) != "x" {
				t.Errorf("%s, mode %04o: %q, %v", filepath.Base(name), mode, data, err)
			}
		}
	}
}
