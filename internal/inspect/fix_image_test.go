package inspect

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"virtpki/internal/termtext"
)

// TestLeadsOut tells the commands that write below an image from those that a link of the image
// leads to a file of this machine.
func TestLeadsOut(t *testing.T) {
	for _, name := range []string{"image", "an image", "bob's image", "an\u202eimage", "100%\x01"} {
		base := t.TempDir()
		image := filepath.Join(base, name)
		at := func(path string) string { return filepath.Join(image, path) }
		link := func(target, path string) error { return os.Symlink(target, at(path)) }
		if err := errors.Join(
			os.MkdirAll(at("etc/pki/CA"), 0o755), os.MkdirAll(filepath.Join(base, "host"), 0o755),
			link(filepath.Join(base, "host"), "etc/abs"), link("../../host", "etc/climbs"), link("pki", "etc/stays"),
			link("/etc/profile.d/x.sh", "etc/file"), link("abs/new", "etc/twice"), link("loop", "etc/loop"), link("/nowhere", "etc/pki/dangling"),
			link(".", "etc/pki/here"), link("abs", "etc/a link"), link("abs", "etc/a'link"), link("abs", "etc/a\x01link"),
		); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]bool{
			"etc/pki/CA/cacert.pem": false, "etc/new/folder/file": false, "etc/stays/CA/cacert.pem": false, "etc/pki/here/file": false,
			"etc/abs/file": true, "etc/abs/new/file": true, "etc/climbs/file": true, "etc/file": true, "etc/twice": true, "etc/loop": true,
			"etc/pki/dangling": true, "etc/pki/dangling/x": true, "new": false,
			"etc/a link": true, "etc/a link/file": true, "etc/a'link/file": true, "etc/a\x01link/file": true, "etc/a new/file": false,
		} {
			word := termtext.ShellWord(at(path))
			for _, fix := range []string{"echo >>" + word, "mkdir -p " + termtext.ShellWord(at("x")) + " && cp -p " + word + " y", "chmod 0644 " + word + "; true"} {
				if got := leadsOut(image, fix); (got == at(path)) != want || got != "" && !want {
					t.Errorf("%s: out at %q, want %v", fix, got, want)
				}
			}
		}
		// mv renames a link, and follows those on the way to it.
		word := func(path string) string { return termtext.ShellWord(at(path)) }
		if got := leadsOut(image, "mv "+word("etc/pki/dangling")+" "+word("etc/pki/dangling.old")); got != "" {
			t.Errorf("a link that is renamed: %s", got)
		}
		if got := leadsOut(image, "mv "+word("etc/abs/file")+" x"); got != at("etc/abs/file") {
			t.Errorf("a file behind a link that is renamed: %q", got)
		}
	}
}
