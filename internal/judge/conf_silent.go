package judge

import "strings"

// filesIfRead is files for a daemon that listens; a daemon that does not listen never reads them.
func (j *confJudge) filesIfRead() {
	before := len(j.found)
	j.files()
	if j.Silent {
		wants, set := j.number("listen_tls")
		j.found = append(j.found[:before:before], Unserved(j.found[before:], set && wants == 0)...)
	}
}

// Unserved adapts the findings on the files of a daemon that does not listen for TLS: it does not
// read them, so they do not keep it from starting (libvirt, src/remote/remote_daemon.c,
// daemonSetupNetworking). They become warnings, or notes if TLS is switched off.
func Unserved(found []Finding, off bool) []Finding {
	var out []Finding
	for _, f := range found {
		if f.Level == Error {
			f.Text = "once the daemon listens for TLS: " + f.Text
			f.Level = Warning
		}
		if off {
			f.Level = Note
		}
		out = append(out, f)
	}
	return out
}

// UnreadConf returns the findings on settings in a daemon's configuration file that no daemon which
// listens for TLS reads. reader is the daemon that serves TLS, and readerPath the file that it
// reads.
func UnreadConf(path string, settings []string, reader, readerPath string) []Finding {
	j := &confJudge{DaemonConf: DaemonConf{File: File{Path: path}}}
	verb := "have"
	if len(settings) == 1 {
		verb = "has"
	}
	j.say("conf-unread", Warning, "", "%s %s no effect: %s serves TLS here, and reads %s", strings.Join(settings, ", "), verb, reader, readerPath)
	return j.found
}
