package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"virtpki/internal/safedir"
)

// someone is a user who is neither root nor the user that runs the tests.
const someone = 12345

// asRoot skips a test that needs another user's files.
func asRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

func TestOpenDirFollowsTrustedLinks(t *testing.T) {
	asRoot(t)
	base := t.TempDir()
	must(t, os.MkdirAll(base+"/real/below", 0o755))
	must(t, os.MkdirAll(base+"/hers", 0o755))
	must(t, os.Chown(base+"/hers", someone, someone))
	must(t, os.Symlink("real", base+"/link"))
	must(t, os.Symlink(base+"/real", base+"/absolute"))
	must(t, os.Symlink("../real/../link/below", base+"/real/dots"))
	must(t, os.Symlink(base+"/real", base+"/planted"))
	must(t, os.Lchown(base+"/planted", someone, someone))
	must(t, os.Symlink(base+"/real", base+"/hers/link"))
	must(t, os.Symlink("round", base+"/round"))
	for path, want := range map[string]string{
		"real/below": "real/below", "link/below": "real/below", "absolute/below": "real/below", "real/dots": "real/below", "link/..": "",
		"planted/below": "refused", "hers/link": "refused", "round": "error", "none": "missing", "hers": "hers",
	} {
		d, err := openDir(filepath.Join(base, path), safedir.Policy{})
		switch want {
		case "refused":
			if r := (*Refusal)(nil); !errors.As(err, &r) {
				t.Errorf("%s: %v, want a refusal", path, err)
			}
		case "missing":
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v", path, err)
			}
		case "error":
			if err == nil {
				t.Errorf("%s: opened", path)
			}
		default:
			must(t, err)
			if !isDir(d, filepath.Join(base, want)) {
				t.Errorf("%s: another directory than %s", path, want)
			}
			must(t, d.Close())
		}
	}
}

func TestOpenDirForASecret(t *testing.T) {
	asRoot(t)
	base := t.TempDir()
	must(t, os.MkdirAll(base+"/hers/roots/below", 0o755))
	must(t, os.Chown(base+"/hers", someone, someone))
	must(t, os.MkdirAll(base+"/open/below", 0o755))
	must(t, os.Chmod(base+"/open", 0o777))
	for path, refused := range map[string]bool{"": false, "hers": true, "hers/roots/below": true, "open": true, "open/below": true} {
		d, err := openDir(filepath.Join(base, path), safedir.Policy{Secret: true})
		if (err != nil) != refused {
			t.Errorf("%q: %v", path, err)
		}
		if err == nil {
			must(t, d.Close())
		}
	}
	hers, err := openDir(base+"/hers", safedir.Policy{Secret: true, Owner: &Owner{UID: someone}})
	must(t, err)
	must(t, hers.Close())
	if _, err := openDir(base+"/hers/roots", safedir.Policy{Secret: true, Owner: &Owner{UID: someone}}); err == nil {
		t.Error("a directory on the way may be a stranger's")
	}
}

func TestTreeStaysInTheImage(t *testing.T) {
	base := t.TempDir()
	image := base + "/image"
	must(t, os.MkdirAll(image+"/usr/etc/pki", 0o755))
	must(t, os.MkdirAll(base+"/host", 0o755))
	must(t, os.MkdirAll(image+"/etc", 0o755))
	must(t, os.Symlink("/usr/etc/pki", image+"/etc/pki"))
	must(t, os.Symlink("../../host", image+"/etc/out"))
	must(t, os.Symlink(base+"/host", image+"/etc/host"))
	must(t, os.Symlink("../../../usr", image+"/etc/top"))
	tree := At(image)
	for path, want := range map[string]string{"etc/pki": "usr/etc/pki", "etc/top/etc": "usr/etc", "": "", "etc/out": "missing", "etc/host": "missing"} {
		d, err := tree.OpenDir(filepath.Join(image, path), safedir.Policy{})
		if want == "missing" {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v", path, err)
			}
			continue
		}
		must(t, err)
		if !isDir(d, filepath.Join(image, want)) {
			t.Errorf("%s: another directory than %s", path, want)
		}
		must(t, d.Close())
	}
}

// A path from the working directory is the same as one from the root.
func TestOpenDirFromTheWorkingDirectory(t *testing.T) {
	base := t.TempDir()
	must(t, os.MkdirAll(base+"/here/below", 0o755))
	must(t, os.MkdirAll(base+"/beside/deep", 0o755))
	must(t, os.Symlink(base+"/beside", base+"/here/absolute"))
	must(t, os.Symlink("../../here/../beside", base+"/here/below/up"))
	t.Chdir(base + "/here")
	for path, want := range map[string]string{".": "here", "below": "here/below", "absolute/deep": "beside/deep", "below/up/deep": "beside/deep", "../beside": "beside", "below/../..": ""} {
		for _, p := range []safedir.Policy{{}, {Secret: true}} {
			d, err := openDir(path, p)
			must(t, err)
			if !isDir(d, filepath.Join(base, want)) {
				t.Errorf("%s: another directory than %s", path, want)
			}
			must(t, d.Close())
		}
	}
}

func TestTreeKnowsItsPaths(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	must(t, err)
	for _, c := range []struct {
		root, path, rel string
		inside          bool
	}{
		{"/", "/etc/pki", "", false},
		{"img", "img/etc", "etc/", true},
		{"img", "img", "", true},
		{"img", "./img//etc/../usr", "usr/", true},
		{"img", "image/etc", "", false},
		{"img", "img/../host", "", false},
		{"img", here + "/img/etc", "etc/", true},
		{here + "/img", "img/etc", "etc/", true},
		{".", "etc", "etc/", true},
		{".", "../etc", "", false},
		{here, "etc", "etc/", true},
		{"..", "etc", filepath.Base(here) + "/etc/", true},
	} {
		rel, inside := At(c.root).below(c.path)
		if inside != c.inside || inside && rel != c.rel {
			t.Errorf("%s in %s: %q, %v", c.path, c.root, rel, inside)
		}
	}
}

func TestDirNeverFollows(t *testing.T) {
	base := t.TempDir()
	must(t, os.MkdirAll(base+"/d/real", 0o755))
	must(t, os.Symlink("real", base+"/d/link"))
	must(t, os.WriteFile(base+"/d/file", nil, 0o644))
	must(t, os.Symlink("file", base+"/d/filelink"))
	d, err := openDir(base+"/d", safedir.Policy{})
	must(t, err)
	defer d.Close()
	if _, err := d.OpenDir("link"); err == nil {
		t.Error("a link to a directory was followed")
	}
	if _, err := d.Open("filelink", os.O_RDONLY); err == nil {
		t.Error("a link to a file was followed")
	}
	if _, err := d.Create("filelink"); !errors.Is(err, fs.ErrExist) {
		t.Error("a file was made through a link:", err)
	}
	if _, err := d.Mkdir("real"); !errors.Is(err, fs.ErrExist) {
		t.Error("a directory was made that was there:", err)
	}
	must(t, d.RemoveAll("link"))
	must(t, os.WriteFile(base+"/d/real/inside", nil, 0o644))
	must(t, os.Symlink("/etc", base+"/d/real/etc"))
	must(t, d.RemoveAll("real"))
	if !Exists("/etc/passwd") || Exists(base+"/d/real") {
		t.Error("removeAll removed too much or too little")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// isDir reports whether an opened directory is the one at a path.
func isDir(d *safedir.Dir, path string) bool {
	opened, err1 := d.File.Stat()
	named, err2 := os.Stat(path)
	return err1 == nil && err2 == nil && os.SameFile(opened, named)
}
