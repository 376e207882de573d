package change

import (
	"crypto/x509"
	"slices"

	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

// Job holds what a command has decided: the file changes to make, and what to tell.
type Job struct {
	Plan store.Plan
	Report
	undo []func() // takes back what the decision has changed besides
}

// Report is what is told of a job besides its plan.
type Report struct {
	Made  []Placed // certificates, for the summary
	Found []Placed // those that were there and are taken
	// Revoked are those that a new CRL names, or an earlier one did.
	Revoked []Placed
	Done    []string // what else was done or proven
	Notes   []string // what people should know or do next
	Unmet   []string // what was asked for and is not so, with what to do: the exit status is that of a failed check
}

// Placed is a certificate with the path at which it lies or will lie.
type Placed struct {
	Cert *x509.Certificate
	Path string
}

// NewJob returns a job for the files of a machine.
func NewJob(m *machine.Machine) *Job {
	j := &Job{}
	j.Plan.In(m.Tree())
	return j
}

// Did adds to what was done, as [termtext.Sprintf] words it.
func (j *Job) Did(format string, args ...any) {
	j.Done = append(j.Done, termtext.Sprintf(format, args...))
}

// Note adds to what people should know, as [termtext.Sprintf] words it.
func (j *Job) Note(format string, args ...any) {
	j.Notes = append(j.Notes, termtext.Sprintf(format, args...))
}

// Attempt plans what decide decides, whole or not at all: when decide fails, the job
// is as it was. A loop that goes on after an error calls it for each item.
func (j *Job) Attempt(decide func() error) error {
	before, undone := j.Report, len(j.undo)
	err := j.Plan.Attempt(decide)
	if err == nil {
		return nil
	}
	for _, undo := range slices.Backward(j.undo[undone:]) {
		undo()
	}
	j.Report, j.undo = before, j.undo[:undone]
	return err
}

// OnFailure has the attempt that is under way call undo when it fails.
func (j *Job) OnFailure(undo func()) { j.undo = append(j.undo, undo) }

// NoteOnce is [Job.Note] for what would be said again for each of many hosts.
func (j *Job) NoteOnce(format string, args ...any) {
	if text := termtext.Sprintf(format, args...); !slices.Contains(j.Notes, text) {
		j.Notes = append(j.Notes, text)
	}
}

// Merge adds what another job has done.
func (j *Job) Merge(other *Job) {
	j.Plan.Add(other.Plan.Changes())
	j.Made, j.Done, j.Notes = append(j.Made, other.Made...), append(j.Done, other.Done...), append(j.Notes, other.Notes...)
	j.Unmet = append(j.Unmet, other.Unmet...)
}
