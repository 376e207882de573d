package conf

import (
	"bytes"
	"strings"
	"testing"
)

func addSeeds(add func(conf string)) {
	for _, forms := range [][]form{acceptedForms, refusedForms, shownForms} {
		for _, f := range forms {
			add(f.conf)
		}
	}
}

// FuzzParse: no input makes the parser panic. An accepted file comes back byte for byte. Every
// value can be written and is read back, but for one that a NUL has cut.
func FuzzParse(f *testing.F) {
	addSeeds(func(conf string) { f.Add([]byte(conf)) })
	f.Add([]byte("A=\"\"\"'\"\x00\"\"\"")) // the value before the NUL cannot be written without it
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := Parse(src)
		if err != nil {
			checkError(t, src, err)
			return
		}
		if !bytes.Equal(c.Bytes(), src) {
			t.Fatalf("Bytes: got %q, want %q", c.Bytes(), src)
		}
		if err := c.CheckDaemon(); err != nil {
			checkError(t, src, err)
		}
		c.Duplicates()
		for _, name := range c.Names() {
			checkEntry(t, c, name)
		}
	})
}

func checkError(t *testing.T, src []byte, err error) {
	t.Helper()
	ce, ok := err.(*Error)
	if !ok {
		t.Fatalf("error is a %T: %v", err, err)
	}
	lines := strings.Split(string(src), "\n")
	if ce.Line < 1 || ce.Line > len(lines) || ce.Column < 1 || ce.Column > len(lines[ce.Line-1])+1 {
		t.Fatalf("%q has no %v", src, err)
	}
}

func checkEntry(t *testing.T, c *File, name string) {
	t.Helper()
	v, ok := c.Lookup(name)
	if !ok || c.Line(name) == 0 {
		t.Fatalf("%s: among the names and not found", name)
	}
	text, err := v.Format()
	if err != nil {
		if bytes.IndexByte(c.src, 0) < 0 {
			t.Fatalf("%s: was read and cannot be written: %v", name, err)
		}
		return
	}
	if back, _ := mustParse(t, "x = "+text).Lookup("x"); !back.Equal(v) {
		t.Fatalf("%s: %s is read back as %s", name, text, back)
	}
}

// FuzzSet: after Set the value is there, and all other entries and the comments are as before.
// Unset leaves them so.
func FuzzSet(f *testing.F) {
	addSeeds(func(conf string) {
		f.Add([]byte(conf), "listen_tls", "x", uint8(0))
		f.Add([]byte(conf), "unix_sock_dir", "a\"\n'", uint8(1))
	})
	f.Add([]byte("#x = [\n# 'a'\n#]\r\n#y = 1"), "x", "a\nb", uint8(2))
	f.Add([]byte("a = 1;#x = \"\"\"\n# 'a'\"\"\"\nx = 2;x=3"), "x", "-5", uint8(3))
	f.Add([]byte("A=[];listen_tls=0#"), "listen_tls", "0", uint8(0))
	f.Fuzz(func(t *testing.T, src []byte, name, text string, kind uint8) {
		c, err := Parse(src)
		if err != nil {
			return
		}
		before, v := *c, fuzzValue(text, kind)
		if err := c.Set(name, v); err != nil {
			_, unsayable := v.Format()
			if unsayable == nil && isName(name) {
				t.Fatalf("Set(%q, %s): %v", name, v, err)
			}
			if !bytes.Equal(c.Bytes(), src) {
				t.Fatalf("a refused Set made %q of %q", c.Bytes(), src)
			}
			return
		}
		if got, _ := c.Lookup(name); !got.Equal(v) {
			t.Fatalf("%q: got %s, want %s", name, got, v)
		}
		checkOthers(t, &before, c, name)
		checkAdded(t, &before, c, name)
		checkUnset(t, c, name)
	})
}

func fuzzValue(text string, kind uint8) Value {
	switch kind % 4 {
	case 0:
		return StringValue(text)
	case 1:
		return ListValue(strings.Split(text, "\n"))
	case 2:
		return ListValue(nil)
	}
	return IntValue(int64(len(text)) - 10)
}

// checkOthers checks that the entries of other names are as they were written, and that no
// comment is gone. A new comment may appear: the text after a value stands for itself when the
// value is removed from the middle of a line.
func checkOthers(t *testing.T, before, after *File, name string) {
	t.Helper()
	if got, want := othersOf(after, name), othersOf(before, name); got != want {
		t.Fatalf("other entries of %q became %q in %q", before.Bytes(), got, after.Bytes())
	}
	kept := commentsOf(before)
	for _, com := range commentsOf(after) {
		if len(kept) > 0 && com == kept[0] {
			kept = kept[1:]
		}
	}
	if len(kept) > 0 {
		t.Fatalf("comment %q of %q is gone in %q", kept[0], before.Bytes(), after.Bytes())
	}
}

func othersOf(c *File, name string) string {
	var b strings.Builder
	for _, e := range c.entries {
		if e.name != name {
			b.Write(c.src[e.start:e.next])
			b.WriteByte(0)
		}
	}
	return b.String()
}

func commentsOf(c *File) []string {
	var texts []string
	for _, com := range c.comments {
		texts = append(texts, string(c.src[com.start:com.end]))
	}
	return texts
}

// checkAdded checks that Set changed only one run of bytes, and wrote only the value if the
// name had an entry.
func checkAdded(t *testing.T, before, after *File, name string) {
	t.Helper()
	head, tail := 0, 0
	if i, ok := before.first[name]; ok {
		head, tail = before.entries[i].valStart, len(before.src)-before.entries[i].valEnd
	} else {
		head = after.entries[after.first[name]].start
		head = len(bytes.TrimRight(after.src[:head], "\r\n"))
		for head < len(before.src) && before.src[head] == after.src[head] {
			head++
		}
		tail = len(before.src) - head
	}
	if !bytes.HasPrefix(after.src, before.src[:head]) || !bytes.HasSuffix(after.src, before.src[len(before.src)-tail:]) {
		t.Fatalf("%q became %q", before.src, after.src)
	}
}

func checkUnset(t *testing.T, c *File, name string) {
	t.Helper()
	before := *c
	if !c.Unset(name) {
		t.Fatalf("%q: set and not found", name)
	}
	if _, ok := c.Lookup(name); ok || c.Unset(name) {
		t.Fatalf("%q: still there in %q", name, c.Bytes())
	}
	checkOthers(t, &before, c, name)
}
