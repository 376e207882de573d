package inspect

import (
	"os"
	"path/filepath"
	"strings"

	"virtpki/internal/termtext"
)

// within replaces a fix for an image that a shell would follow out of it. virtpki resolves the
// links of an image within the image, but a shell resolves them on this machine: a link from
// /etc/libvirt/libvirtd.conf to a path below /etc would have the fix write a line of the image there.
func (x *fixer) within(fix string) string {
	if x.image == "" {
		return fix
	}
	path := leadsOut(x.image, fix)
	if path == "" {
		return fix
	}
	return "a link in the image leads from " + path + " to a path of this machine: fix it where the image runs"
}

// leadsOut returns the first path in a fix that a shell would follow out of an image; empty if there
// is none.
func leadsOut(image, fix string) string {
	image = filepath.Clean(image)
	inside, err := filepath.EvalSymlinks(image)
	if err != nil {
		return ""
	}
	w := walls{image, inside}
	prefix := strings.TrimSuffix(image, "/") + "/"
	for i := range fix {
		if i > 0 && !strings.ContainsRune(" ;&|<>()", rune(fix[i-1])) {
			continue
		}
		path := termtext.ReadWord(fix[i:])
		if strings.HasPrefix(path, prefix) && w.isOutside(path, strings.HasSuffix(fix[:i], "mv ")) {
			return path
		}
	}
	return ""
}

// walls are the path of an image, as it is typed and without links.
type walls struct{ typed, resolved string }

// maxLinks is how many links in a row are followed.
const maxLinks = 40

// isOutside reports whether a path of a command leads out of the image. The command may make the
// file and its directories. renamed says that it does not follow a link in the file's place.
func (w walls) isOutside(path string, renamed bool) bool {
	for range maxLinks {
		if path == w.typed || path == w.resolved {
			return false
		}
		folder, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			path, renamed = filepath.Dir(path), false
			continue
		}
		if folder != w.resolved && !strings.HasPrefix(folder, strings.TrimSuffix(w.resolved, "/")+"/") {
			return true
		}
		path = filepath.Join(folder, filepath.Base(path))
		target, err := os.Readlink(path)
		if err != nil || renamed {
			return false
		}
		if filepath.IsAbs(target) {
			path = filepath.Clean(target)
		} else {
			path = filepath.Join(folder, target)
		}
	}
	return true
}
