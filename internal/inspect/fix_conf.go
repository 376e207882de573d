package inspect

import (
	"fmt"
	"path/filepath"
	"strings"

	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/termtext"
)

// moved moves settings that no program reads in their file to the file in which they count. A
// setting that exists there already becomes a comment.
func moved(x *fixer, t trouble) (string, bool) {
	if t.ID != "setting-elsewhere" && t.ID != "conf-unread" {
		return "", false
	}
	from, err := conf.Parse(x.read(t.File))
	if err != nil {
		return "", false
	}
	names, to := settingElsewhere(from, t), x.serving
	switch {
	case t.ID == "conf-unread":
		names = x.unread[t.File]
	case t.File != x.qemuConf:
		to = x.qemuConf
	}
	there, err := conf.Parse(x.read(to))
	if err != nil || len(names) == 0 || to == t.File {
		return "", false
	}
	return move(settings{t.File, from}, settings{to, there}, names)
}

// settingElsewhere returns the setting that a finding concerns.
func settingElsewhere(file *conf.File, t trouble) []string {
	for _, u := range judge.UnknownSettings(file, filepath.Base(t.File) == filepath.Base(libvirt.QEMUConfPath(""))) {
		if u.ID == t.ID && strings.HasPrefix(t.Text, fmt.Sprintf("line %d: %s: ", file.Line(u.Name), u.Name)) {
			return []string{u.Name}
		}
	}
	return nil
}

// settings holds a configuration file and its path.
type settings struct {
	path string
	*conf.File
}

// move returns the command that moves settings from one file to the end of another.
func move(from, to settings, names []string) (command string, ok bool) {
	var lines, mute []string
	files := len(libvirt.FileSettings(to.File)) > 0 // a half of each would not go together
	for _, name := range names {
		first, last, shared := from.Extent(name)
		if shared || first == 0 {
			return "", false
		}
		_, set := to.Lookup(name)
		if isFile := strings.HasSuffix(name, "_file") || strings.HasSuffix(name, "_files"); !set && !(isFile && files) {
			lines = append(lines, lineRange(first, last)+"p")
		}
		mute = append(mute, lineRange(first, last)+"s/^/#/")
		for _, later := range from.Later(name) { // which would count now
			mute = append(mute, lineRange(later[0], later[1])+"s/^/#/")
		}
	}
	source, target := termtext.ShellWord(from.path), termtext.ShellWord(to.path)
	command = fmt.Sprintf("sed -i '%s' %s", strings.Join(mute, ";"), source)
	if len(lines) > 0 {
		command = fmt.Sprintf("{ echo; sed -n '%s' %s; } >>%s && ", strings.Join(lines, ";"), source, target) + command
	}
	return command, true
}

// lineRange is an address of sed's.
func lineRange(first, last int) string {
	if first == last {
		return fmt.Sprint(first)
	}
	return fmt.Sprintf("%d,%d", first, last)
}
