// Package judge predicts the reaction of libvirt and QEMU, in a given release, to TLS files:
// whether a daemon starts on them, whether a client connects with them, whether the other side of a
// connection accepts them, and which faults neither checks although they cause failures later. It
// reads neither disk nor clock: the caller passes the bytes and the time.
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

// Stage is the step in which libvirt meets the fault of a finding. Stages come in the order of
// these steps.
type Stage string

// The stages.
const (
	Places  Stage = "places"  // where files lie, who owns them, who may read them
	Conf    Stage = "conf"    // the daemon's configuration, read when it starts
	Own     Stage = "own"     // one's own files: at a daemon's start, at a reload, before a client connects
	Session Stage = "session" // the other side, in each handshake
	Host    Stage = "host"    // this host and this day: names, addresses, expiries
)

// Finding is one fault of a set of files, or one fact about it.
type Finding struct {
	ID    string `json:"id"` // stable
	Level Level  `json:"level"`
	Stage Stage  `json:"stage"`
	// File is the path of the faulty file; empty if the finding does not concern a single file.
	File string `json:"file,omitempty"`
	Text string `json:"text"` // one sentence, without the file's name
	// Fix is the command to type or the step to take; empty if there is none.
	Fix string `json:"fix,omitempty"`
	// Releases are the releases that the finding applies to, if it does not apply to all.
	Releases []string `json:"releases,omitempty"`
	// Cause is the id of the finding that this one follows from; empty if it follows from none.
	// Followers counts the findings that follow from this one. See [Causes].
	Cause     string `json:"cause,omitempty"`
	Followers int    `json:"followers,omitempty"`
	// Raw is the DER form of the faulty certificate or CRL in File. It is nil if the file contains
	// only one, or if it cannot be read.
	Raw []byte `json:"-"`

	about []string // all files of a finding about several
}

// Entry explains an id to people. The page of all findings is made from these entries. The JSON
// form is stable.
type Entry struct {
	ID    string `json:"id"`
	Stage Stage  `json:"stage"`
	Cause string `json:"cause"` // the fault, and the reaction of libvirt
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
