package judge

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/libvirt/conf"
	"virtpki/internal/termtext"
)

// UnknownSetting is an entry that libvirt silently ignores.
type UnknownSetting struct {
	ID    string
	Level Level
	Name  string
	Right string // the name that was probably meant; empty if it is not clear
	Text  string
}

// UnknownSettings returns the entries of a daemon's configuration file, or of qemu.conf if qemu is
// set, that no release reads there, in the order of the file: at most maxUnknown, and the last one
// says how many more there are.
func UnknownSettings(file *conf.File, qemu bool) []UnknownSetting {
	known, others, other := conf.DaemonNames(), conf.QEMUNames(), "qemu.conf"
	if qemu {
		known, others, other = others, known, "libvirtd.conf or virtproxyd.conf"
	}
	var unknown []UnknownSetting
	more := 0
	for _, name := range file.Names() {
		if slices.Contains(known, name) {
			continue
		}
		if len(unknown) == maxUnknown {
			more++
			continue
		}
		u := UnknownSetting{ID: "setting-unknown", Level: Note, Name: name, Text: "libvirt does not know it and ignores it"}
		switch right := nearest(name, known); {
		case slices.Contains(others, name):
			u.ID, u.Level, u.Text = "setting-elsewhere", Warning, "libvirt ignores it here; it belongs in "+other
		case conf.Gone(name):
			u.ID, u.Text = "setting-gone", "a setting of older releases, which libvirt ignores now"
		case right != "":
			u.ID, u.Level, u.Right, u.Text = "setting-misspelt", Warning, right, "libvirt does not know it and ignores it; "+right+" is close"
		}
		unknown = append(unknown, u)
	}
	if more > 0 {
		unknown[maxUnknown-1].Text += fmt.Sprintf("; so it is with %d more settings", more)
	}
	return unknown
}

// maxUnknown is how many unknown settings of a file are listed. The file of an image may have very
// many, and each is compared with the known ones.
const maxUnknown = 100

// nearest returns the known name that was most likely meant: one that differs by few letters, or
// only by a missing or additional part at its beginning or end.
func nearest(name string, known []string) string {
	best, least := "", 3 // more than two letters are another word
	for _, k := range known {
		if len(name) >= len(k)+least {
			continue
		}
		d := distance(strings.ToLower(name), k)
		if d < least && 3*d <= len(k) {
			best, least = k, d
		}
	}
	if best != "" {
		return best
	}
	for _, k := range known {
		if partOf(name, k) || partOf(k, name) {
			return k
		}
	}
	return ""
}

// shortestPart is the smallest length of a part that identifies a whole name.
const shortestPart = 6

// partOf reports whether one name is the beginning or the end of another.
func partOf(part, whole string) bool {
	return len(part) >= shortestPart && strings.Contains(part, "_") && (strings.HasPrefix(whole, part) || strings.HasSuffix(whole, "_"+part))
}

// distance returns the number of letters to change, add or leave out; two swapped letters count as
// one.
func distance(a, b string) int {
	if a != b && slices.Equal(slices.Sorted(slices.Values([]byte(a))), slices.Sorted(slices.Values([]byte(b)))) {
		return 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// unknown reports entries that the daemon ignores.
func (j *confJudge) unknown() { j.sayUnknown(false) }

func (j *confJudge) sayUnknown(qemu bool) {
	for _, u := range UnknownSettings(j.conf, qemu) {
		j.say(u.ID, u.Level, j.fixUnknown(u, qemu), "line %d: %s: %s", j.conf.Line(u.Name), u.Name, u.Text)
	}
}

// fixUnknown writes the name that was probably meant, if the daemon would start with it. It turns a
// setting that no longer exists into a comment.
func (j *confJudge) fixUnknown(u UnknownSetting, qemu bool) string {
	switch {
	case u.ID == "setting-elsewhere" && qemu:
		return fmt.Sprintf("move line %d to the configuration file of the daemon that listens", j.conf.Line(u.Name))
	case u.ID == "setting-elsewhere":
		return fmt.Sprintf("move line %d to %s", j.conf.Line(u.Name), filepath.Join(filepath.Dir(j.File.Path), "qemu.conf"))
	case u.Right == "":
		return j.mute(u.Name)
	}
	first, _, shared := j.conf.Extent(u.Name)
	if _, set := j.conf.Lookup(u.Right); set || shared || !j.startsAs(u, qemu) {
		return ""
	}
	return fmt.Sprintf(`sed -i '%ds/%s/%s/' %s`, first, u.Name, u.Right, termtext.ShellWord(j.File.Path))
}

// startsAs reports whether the daemon starts once an entry has the probable name.
func (j *confJudge) startsAs(u UnknownSetting, qemu bool) bool {
	value, _ := j.conf.Lookup(u.Name)
	renamed, err := conf.Parse(nil)
	if err == nil {
		err = renamed.Set(u.Right, value)
	}
	return err == nil && (qemu || renamed.CheckDaemon() == nil)
}
