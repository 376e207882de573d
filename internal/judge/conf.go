package judge

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/termtext"
)

// DaemonConf is a daemon's configuration, and everything else that decides how the daemon starts.
type DaemonConf struct {
	Daemon libvirt.Daemon
	File   File // the configuration file
	// Root is the prefix of a daemon's paths on this machine, and Layout the daemon's default tree
	// as the daemon sees it.
	Root    string
	Layout  libvirt.Layout
	Release libvirt.Release
	// Socket is the place where the socket unit for TLS is enabled, or empty; Sockets lists all
	// units for which systemd passes sockets to the daemon.
	Socket  string
	Sockets []string
	// Listen is the argument that contains --listen, and ListenFile the file with that argument;
	// both are empty if there is none.
	Listen, ListenFile string
	// Silent reports whether the daemon certainly does not listen for TLS: then it does not read
	// the files for it.
	Silent bool
	// Answers is the address at which the running daemon accepts clients with TLS; empty if it does
	// not, or if this is not known.
	Answers string
	// Systemd reports whether the machine starts its daemons with systemd.
	Systemd bool
	// HasGroup reports whether the machine knows a group.
	HasGroup func(name string) bool
	// Exists reports whether a file of the daemon's exists at a path.
	Exists func(path string) bool
	// Priorities are the names that the machine's GnuTLS configuration defines.
	Priorities []string
	// Network answers questions about the machine's addresses and names.
	Network Network
	// Client is the DN of the client certificate installed here; empty if there is none.
	Client string
}

// listens reports whether --listen is passed. virtproxyd does not have this option.
func (d DaemonConf) listens() bool { return d.Daemon.ListenTLS && d.Listen != "" }

type confJudge struct {
	DaemonConf
	conf  *conf.File
	found []Finding
}

// InConf returns the faults of a daemon's configuration: settings with which the daemon does not
// start, settings without effect, and those that refuse everybody or admit everybody. The second
// result is the parsed file, or nil if the daemon does not read it.
func InConf(d DaemonConf) ([]Finding, *conf.File) {
	j := &confJudge{DaemonConf: d}
	if !j.read() {
		return j.found, nil
	}
	j.duplicates()
	j.late()
	j.filesIfRead()
	j.listening()
	j.address()
	j.unknown()
	j.priority()
	j.checks()
	j.list()
	return j.found, j.conf
}

func (j *confJudge) say(id string, level Level, fix, format string, args ...any) {
	j.found = append(j.found, Finding{ID: id, Level: level, Stage: Conf, File: j.File.Path, Fix: fix, Text: fmt.Sprintf(format, args...)})
}

// inSession marks the last finding as one that concerns clients, not the daemon.
func (j *confJudge) inSession() { j.found[len(j.found)-1].Stage = Session }

// from restricts the last finding to a release and those after it.
func (j *confJudge) from(major, minor int) {
	if j.Release.Product != "" {
		return
	}
	var names []string
	for _, rules := range j.Release.Rules("libvirt") {
		if t, err := libvirt.ParseRelease(rules.Name); err == nil && t.AtLeast(major, minor) {
			names = append(names, rules.Name)
		}
	}
	j.found[len(j.found)-1].Releases = names
}

// read parses the configuration file; a missing file counts as empty.
func (j *confJudge) read() bool {
	data := j.File.Data
	switch {
	case j.File.Absent():
		data = nil
	case j.isFolder("the daemon does not start"):
		return false
	case j.File.Err != nil:
		j.say("unseen", Warning, "", "virtpki could not read it, so it was not checked: %s", plainReason(j.File.Err))
		return false
	}
	parsed, err := conf.Parse(data)
	if err == nil {
		j.conf = parsed
		err = parsed.CheckDaemon()
	}
	var confErr *conf.Error
	if errors.As(err, &confErr) {
		j.say("conf-refused", Error, j.fixRefused(confErr), "line %d, column %d: %s: the daemon does not start", confErr.Line, confErr.Column, confErr.Msg)
		return false
	}
	return true
}

// isFolder reports whether a directory stands in the place of the configuration file: libvirt opens
// it and cannot read it.
func (j *confJudge) isFolder(then string) bool {
	if !errors.Is(j.File.Err, syscall.EISDIR) {
		return false
	}
	j.say("conf-refused", Error, "move the directory away and put the file there; without one the defaults apply", "a directory is in the place of a file: %s", then)
	return true
}

// correctLine returns advice for a line for which no command is sure to be right.
func (j *confJudge) correctLine(refused *conf.Error) string {
	return fmt.Sprintf("correct line %d of %s, or an entry that begins before it and does not end", refused.Line, j.File.Path)
}

// fixRefused disables the refused line if that is sure to be the fix: an entry that can be read, or
// a comment inside a list.
func (j *confJudge) fixRefused(refused *conf.Error) string {
	if j.conf == nil {
		lines := strings.Split(string(j.File.Data), "\n")
		if refused.Line > len(lines) || refused.Column < 1 || refused.Column > len(lines[refused.Line-1]) || lines[refused.Line-1][refused.Column-1] != '#' {
			return j.correctLine(refused)
		}
		return fmt.Sprintf(`LC_ALL=C sed -i '%ds/^\(.\{%d\}\)#.*/\1/' %s`, refused.Line, refused.Column-1, termtext.ShellWord(j.File.Path))
	}
	for _, name := range j.conf.Names() {
		if first, last, _ := j.conf.Extent(name); first <= refused.Line && refused.Line <= last {
			return cmp.Or(j.mute(name), j.correctLine(refused))
		}
	}
	return j.correctLine(refused)
}

// mute returns the command that turns an entry into a comment, so that the daemon's default
// applies. It is empty if other entries stand on the same lines.
func (j *confJudge) mute(name string) string {
	first, last, shared := j.conf.Extent(name)
	if first == 0 || shared {
		return ""
	}
	return muteLines(j.File.Path, [][2]int{{first, last}})
}

// muteLines returns the command that turns lines of a file into comments; empty for none.
func muteLines(path string, extents [][2]int) string {
	var edits []string
	for _, e := range extents {
		if e[0] == e[1] {
			edits = append(edits, fmt.Sprintf("%ds/^/#/", e[0]))
		} else {
			edits = append(edits, fmt.Sprintf("%d,%ds/^/#/", e[0], e[1]))
		}
	}
	if len(edits) == 0 {
		return ""
	}
	return fmt.Sprintf("sed -i '%s' %s", strings.Join(edits, ";"), termtext.ShellWord(path))
}

// duplicates finds entries that the daemon silently ignores.
func (j *confJudge) duplicates() {
	for _, d := range j.conf.Duplicates() {
		if len(d.Lines) != 2 {
			j.say("conf-duplicate", Warning, muteLines(j.File.Path, j.conf.Later(d.Name)), "%s is set on %d lines, first on line %d: libvirt uses the first", d.Name, len(d.Lines), d.Lines[0])
			continue
		}
		j.say("conf-duplicate", Warning, muteLines(j.File.Path, j.conf.Later(d.Name)), "%s is set on lines %d and %d: libvirt uses the first", d.Name, d.Lines[0], d.Lines[1])
	}
}

// late reports values that the daemon reads, and then fails on.
func (j *confJudge) late() {
	for _, c := range j.conf.LateComplaints(j.HasGroup) {
		if !c.Always && !j.Release.AtLeast(9, 0) {
			continue
		}
		j.say("conf-value", Error, j.mute(c.Setting), "line %d: %s: %s: the daemon reads it and exits", j.conf.Line(c.Setting), c.Setting, c.Text)
		if !c.Always {
			j.from(9, 0)
		}
	}
}

func (j *confJudge) number(name string) (int64, bool) {
	v, ok := j.conf.Lookup(name)
	return v.Int(), ok && v.Kind() == conf.KindInt
}

func (j *confJudge) text(name string) (string, bool) {
	v, ok := j.conf.Lookup(name)
	return v.Str(), ok && v.Kind() == conf.KindString
}
