package safedir

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"virtpki/internal/termtext"
)

func TestRefuseDirectory(t *testing.T) {
	me := os.Geteuid()
	for _, c := range []struct {
		name    string
		node    Node
		known   []int
		refused bool
	}{
		{"ours", Node{me, me, 0o755}, nil, false},
		{"root's", Node{0, 0, 0o755}, nil, false},
		{"a stranger's, though closed", Node{4711, 4711, 0o700}, nil, true},
		{"of whom the secret is for", Node{4711, 4711, 0o700}, []int{4711}, false},
		{"another stranger's", Node{4712, 4711, 0o700}, []int{4711}, true},
		{"open to all", Node{me, me, 0o777}, nil, true},
		{"open to all and sticky", Node{0, 0, 0o777 | fs.ModeSticky}, nil, false},
		{"a stranger's, sticky", Node{4711, 0, 0o777 | fs.ModeSticky}, nil, true},
		{"open to a group", Node{me, 4711, 0o775}, nil, true},
		{"open to a group and sticky", Node{me, 4711, 0o775 | fs.ModeSticky}, nil, false},
		{"open to the user's own group", Node{4711, 4711, 0o775}, []int{4711}, false},
		{"open to root's group, or an access list", Node{0, 0, 0o775}, nil, true},
		{"open to the own group of another", Node{0, 4711, 0o775}, []int{4711}, true},
	} {
		err := RefuseDirectory("/d", c.node, c.known...)
		if got := err != nil; got != c.refused {
			t.Errorf("%s: %v", c.name, err)
		}
		if r := (*Refusal)(nil); err != nil && (!errors.As(err, &r) || r.Hint() == "") {
			t.Errorf("%s: no hint in %v", c.name, err)
		}
	}
}

func TestRefuseLink(t *testing.T) {
	ours, hers := Node{0, 0, 0o755}, Node{4711, 4711, 0o755}
	tmp := Node{0, 0, 0o777 | fs.ModeSticky}
	for _, c := range []struct {
		name         string
		folder, link Node
		refused      bool
	}{
		{"root's in root's directory", ours, ours, false},
		{"root's in /tmp", tmp, ours, false},
		{"a stranger's in /tmp", tmp, hers, true},
		{"root's in a stranger's directory", hers, ours, true},
		{"a stranger's in root's directory", ours, hers, true},
		{"root's where all can write", Node{0, 0, 0o777}, ours, true},
	} {
		if err := RefuseLink("/d/l", "/x", c.folder, c.link); (err != nil) != c.refused {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestQuote(t *testing.T) {
	for path, want := range map[string]string{"/a/b-c.d": "/a/b-c.d", "/a b": "'/a b'", "/it's": `'/it'\''s'`} {
		if got := termtext.ShellWord(path); got != want {
			t.Errorf("termtext.ShellWord(%s) is %s, want %s", path, got, want)
		}
	}
}
