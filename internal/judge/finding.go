// Package judge says what libvirt and QEMU of a release would say of TLS files,
// before they say it: whether a daemon starts on them, whether a client goes on
// with them, what the other side of a connection will make of them, and what
// neither looks at although it breaks later. It reads no disk and no clock; the
// caller brings the bytes and the time.
package judge

import (
	"strings"

	"virtpki/internal/termtext"
)

// Level is how much a finding matters.
type Level string

// The levels.
const (
	Error   Level = "error"   // refused: a daemon does not start, a connection fails
	Warning Level = "warning" // accepted, but
	Note    Level = "note"    // worth knowing
)

// Stage is where libvirt meets what a finding is about, in the order in which
// it does.
type Stage string

// The stages.
const (
	Places  Stage = "places"  // where files lie, whose they are, who may read them
	Conf    Stage = "conf"    // the daemon's configuration, read when it starts
	Own     Stage = "own"     // one's own files: at a daemon's start, at a reload, before a client connects
	Session Stage = "session" // the other side, in each handshake
	Host    Stage = "host"    // this host and this day: names, addresses, what ends when
)

// Finding is one thing to say of a set of files.
type Finding struct {
	ID    string `json:"id"` // stable
	Level Level  `json:"level"`
	Stage Stage  `json:"stage"`
	// File is the path that it is about, empty where it is about no one file.
	File string `json:"file,omitempty"`
	Text string `json:"text"` // one sentence, without the file's name
	// Fix is the command to type, or what to do, empty where there is nothing.
	Fix string `json:"fix,omitempty"`
	// Releases are those that say so, where others would not.
	Releases []string `json:"releases,omitempty"`
	// Cause is the id of the finding that this one follows from, empty where it stands for
	// itself. Followers counts those that follow from it. See [Causes].
	Cause     string `json:"cause,omitempty"`
	Followers int    `json:"followers,omitempty"`
	// Raw is the DER form of the certificate or CRL in File that it is about; nil of a
	// file with a single one, and of one that cannot be read.
	Raw []byte `json:"-"`

	about []string // all files, of a finding about several
}

// Entry explains an id to people: the page of all findings is made from these. Its JSON
// form is stable.
type Entry struct {
	ID    string `json:"id"`
	Stage Stage  `json:"stage"`
	Cause string `json:"cause"` // what is so, and what libvirt does then
	Fix   string `json:"fix"`
}

// explainWidth is how wide an explanation is, in columns.
const explainWidth = 79

// Text returns the entry in paragraphs.
func (e Entry) Text() termtext.Text {
	var b strings.Builder
	termtext.Fprintf(&b, "%s\n", e.ID)
	for _, text := range []string{e.Cause, "Fix: " + e.Fix} {
		termtext.Fprintf(&b, "\n")
		for _, line := range termtext.Wrap(text, explainWidth) {
			termtext.Fprintf(&b, "%s\n", line)
		}
	}
	return termtext.Text(b.String())
}
