package wizard

import (
	"context"
	"errors"
	"slices"

	"virtpki/internal/allowlist"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/machine"
	"virtpki/internal/prompt"
)

// Doer does the work of the commands for the wizard. An answer is checked as the flag of the
// command would be.
type Doer interface {
	// Keyring opens the CA's key with a passphrase or, if that is empty, with the one that the
	// flags give. It never asks.
	Keyring(passphrase string) *change.Keyring
	// CheckClients returns an error unless certificates can be made for clients of these
	// names.
	CheckClients(names []string) error
	// CheckRenewal returns an error unless the answers are enough for a timer or a cron job
	// that renews.
	CheckRenewal(a *Answers) error
	// ShowMatches shows which clients the patterns admit.
	ShowMatches(matches []allowlist.Match)
	// Preview makes the requests from the answers, and decides.
	Preview(a *Answers) (*Preview, error)
}

// Settings are the values of the flags, and the defaults of the first questions.
type Settings struct {
	Machine *machine.Machine
	Given   bool // the flags give the passphrase of the CA's key
	DryRun  bool
	CALife  string
	Life    string // of certificates
}

// wizard is one run of the wizard: its findings, its answers so far, and its progress.
type wizard struct {
	*prompt.Dialog
	*Answers
	doer    Doer
	dryRun  bool
	history []string // the questions answered, in their order
}

// question is one thing to be asked.
type question struct {
	id    string
	title string // names the answer in a list of all
	// uses are the questions that decide the choices of this one.
	uses []string
	// applies is nil for a question that is always put.
	applies func() bool
	ask     func(context.Context) error
	shown   func() string // the answer, for the list; nil keeps it out of that
}

// questions are all there are, in their order. Which are put is decided while
// they are: see question.applies.
func (w *wizard) questions() []question {
	return slices.Concat(caTopic{w}.sourceQuestions(), importTopic{w}.questions(), caTopic{w}.questions(), hostTopic{w}.questions(),
		clientTopic{w}.questions(), accessTopic{w}.questions(), lastTopic{w}.questions())
}

// errNothingChanged is the end of a wizard that was left.
var errNothingChanged = hint.With(hint.ErrInterrupted, "nothing was changed")

// Run looks at the machine, asks for the facts that it cannot know, and shows the plan. Then it
// has the plan carried out, or asks again for the answers that should change.
func Run(ctx context.Context, d *prompt.Dialog, s Settings, doer Doer) error {
	a := &Answers{Machine: s.Machine.WithCA(s.Machine.CADir), Given: s.Given, CALife: s.CALife, Life: s.Life}
	if err := a.look(ctx); err != nil {
		return err
	}
	w := &wizard{Dialog: d, Answers: a, doer: doer, dryRun: s.DryRun}
	w.greet()
	for {
		if err := w.walk(ctx); err != nil {
			return w.left(err)
		}
		p, err := doer.Preview(a)
		if err != nil {
			w.Wrong(err)
		} else {
			w.show(p)
		}
		if w.dryRun && err == nil {
			return p.Do(ctx)
		}
		goOn, err := w.settle(ctx, err)
		if err != nil {
			return w.left(err)
		}
		if goOn {
			return p.Do(ctx)
		}
	}
}

// left adds to the wish to leave that nothing has happened.
func (w *wizard) left(err error) error {
	if errors.Is(err, hint.ErrInterrupted) {
		return errNothingChanged
	}
	return err
}

// walk puts the questions that apply and do not have an answer yet.
func (w *wizard) walk(ctx context.Context) error {
	for {
		q := w.next()
		if q == nil {
			return nil
		}
		switch err := q.ask(ctx); {
		case errors.Is(err, prompt.ErrBack):
			w.back()
		case err != nil:
			return err
		default:
			w.history = append(w.history, q.id)
		}
	}
}

// next returns the first question that applies and does not have an answer.
func (w *wizard) next() *question {
	for _, q := range w.questions() {
		if (q.applies == nil || q.applies()) && !slices.Contains(w.history, q.id) {
			return &q
		}
	}
	return nil
}

// back takes the last answer back; the question offers it again.
func (w *wizard) back() {
	if len(w.history) == 0 {
		w.Say("This is the first question.")
		return
	}
	w.history = w.history[:len(w.history)-1]
}

// again takes an answer back, with those that depend on it.
func (w *wizard) again(id string) {
	w.rewrite = id == "patterns"
	for _, q := range w.questions() {
		if q.id == id || slices.Contains(q.uses, id) {
			w.history = slices.DeleteFunc(w.history, func(have string) bool { return have == q.id })
		}
	}
}

// settle asks whether to carry out the plan, unless wrong says that there is none. If not, a
// question has lost its answer.
func (w *wizard) settle(ctx context.Context, wrong error) (goOn bool, err error) {
	options := []string{"change an answer", "leave: change nothing"}
	message := "What now?"
	if wrong == nil {
		options = append([]string{"yes, do it"}, options...)
		message = "Is this right?"
	}
	choice, err := w.Select(ctx, message, options, 0)
	if errors.Is(err, prompt.ErrBack) {
		w.back()
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch choice + 3 - len(options) {
	case 0:
		return true, nil
	case 1:
		return false, w.edit(ctx)
	}
	return false, hint.ErrInterrupted
}

// edit asks which answer to change.
func (w *wizard) edit(ctx context.Context) error {
	var ids, options []string
	for _, q := range w.questions() {
		if slices.Contains(w.history, q.id) && q.shown != nil {
			ids = append(ids, q.id)
			options = append(options, q.title+": "+q.shown())
		}
	}
	choice, err := w.Select(ctx, "Which answer?", options, 0)
	if errors.Is(err, prompt.ErrBack) {
		return nil
	}
	if err != nil {
		return err
	}
	w.again(ids[choice])
	return nil
}
