package libvirt

import (
	"os"
	"path/filepath"
	"strings"
)

// ResolveBelow follows the links in path as a process with root as its root directory would,
// and returns the path as that process sees it. A name that does not exist, or that cannot be
// looked at, is not taken for a link. Relative paths are taken as from the root, which is the
// working directory of a daemon.
func ResolveBelow(root, path string) string {
	rest := filepath.Clean("/" + path)
	done := "/"
	for links := 0; rest != "/" && rest != ""; {
		part, after, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
		next := filepath.Join(done, part)
		target, err := os.Readlink(filepath.Join(root, next))
		if err != nil || links == maxLinks {
			done, rest = next, after
			continue
		}
		links++
		if !filepath.IsAbs(target) {
			target = filepath.Join(done, target)
		}
		done, rest = "/", filepath.Join("/", target, after)
	}
	return done
}

// maxLinks is the number of links after which the kernel gives up.
const maxLinks = 40
