package change

import (
	"crypto/x509"
	"slices"

	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

// Job holds what a command has decided: the file changes to make and the messages to print.
type Job struct {
	Plan store.Plan
	Report
	undo []func() // undo the side effects of the decision
}

// Report holds the messages of a job, besides its plan.
type Report struct {
	Made  []Placed // certificates, for the summary
	Found []Placed // existing certificates that are used
	// Revoked are the certificates that a new CRL names, or an earlier one did.
	Revoked []Placed
	Done    []string // other things that were done or verified
	Notes   []string // facts to know
	Steps   []string // the next steps, for a person
	Unmet   []string // goals that were not met, each with its fix: the exit status is that of a failed check
}

// Placed is a certificate with its present or future path.
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

// Did adds to the things that were done, as [termtext.Sprintf] words it.
func (j *Job) Did(format string, args ...any) {
	j.Done = append(j.Done, termtext.Sprintf(format, args...))
}

// Note adds to the notes, as [termtext.Sprintf] words it.
func (j *Job) Note(format string, args ...any) {
	j.Notes = append(j.Notes, termtext.Sprintf(format, args...))
}

// Next adds to the next steps, as [termtext.Sprintf] words it: an imperative, or a
// command.
func (j *Job) Next(format string, args ...any) {
	j.Steps = append(j.Steps, termtext.Sprintf(format, args...))
}

// Attempt plans the changes that decide states: all of them, or none. If decide fails, the job
// is as it was. A loop that continues after an error calls Attempt for each item.
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

// OnFailure makes the present attempt call undo when it fails.
func (j *Job) OnFailure(undo func()) { j.undo = append(j.undo, undo) }

// NoteOnce is [Job.Note] for a text that would be the same for each of many hosts.
func (j *Job) NoteOnce(format string, args ...any) {
	if text := termtext.Sprintf(format, args...); !slices.Contains(j.Notes, text) {
		j.Notes = append(j.Notes, text)
	}
}

// Merge adds the changes and the report of another job.
func (j *Job) Merge(other *Job) {
	j.Plan.Add(other.Plan.Changes())
	j.Made, j.Done, j.Notes = append(j.Made, other.Made...), append(j.Done, other.Done...), append(j.Notes, other.Notes...)
	j.Steps, j.Unmet = append(j.Steps, other.Steps...), append(j.Unmet, other.Unmet...)
}
