package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/program"
	"virtpki/internal/prompt"
)

const wizardHelp = `Make this host ready by questions: a CA, certificates for this host and for those
who connect to it, the daemon's conf, and what renews it all.

It looks at what is there and asks only what it cannot know. Each answer is
checked at once. Ctrl-Z goes back to the question before, Ctrl-C leaves; nothing
is changed before the plan has been shown and agreed to. It ends with the command
lines that do the same without questions.

It asks on stderr, and wants a terminal there and on stdin. --accessible asks in
plain lines, without lists to move in: for screen readers, and for terminals that
do not tell where their cursor is, on which the other questions hang. It is taken
by itself where TERM is dumb or empty. NO_COLOR is heeded.`

func newWizard(e *env, g *globals) *cobra.Command {
	var accessible bool
	cmd := &cobra.Command{
		Use:     "wizard",
		Short:   "Make this host ready, by questions",
		Long:    help(wizardHelp, exitDone, exitError, exitUsage, exitRefused, exitInterrupted),
		Example: "  virtpki wizard\n  virtpki wizard --dry-run\n  virtpki wizard --accessible",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.wizard(cmd.Context(), g, accessible)
		},
	}
	cmd.Flags().BoolVar(&accessible, "accessible", false, "ask in plain lines, as a screen reader wants them")
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

// wizard is one run of the wizard: what was found, what has been answered, and
// how far it is.
type wizard struct {
	*prompt.Dialog
	e *env
	g *globals // its own: the CA's folder is an answer
	found
	replies
	history []string // the questions answered, in their order
}

// question is one thing to be asked.
type question struct {
	id    string
	title string // names the answer in a list of all
	// uses are the questions whose answers decide what this one offers.
	uses []string
	// applies is nil for a question that is always put.
	applies func(*wizard) bool
	ask     func(*wizard, context.Context) error
	shown   func(*wizard) string // the answer, for the list; nil keeps it out of that
}

// errNothingChanged is the end of a wizard that was left.
var errNothingChanged = hint.With(hint.ErrInterrupted, "nothing was changed")

func (e *env) wizard(ctx context.Context, g *globals, accessible bool) error {
	in, _ := program.File(e.stdin)
	out, _ := e.stderr.(*os.File)
	d, err := prompt.New(in, out, accessible, func(err error) { e.sayError(err) })
	if err != nil {
		return hint.Usage(hint.With(err, `the same without questions: virtpki %sbootstrap --name "Example Org" --allow-issued (see virtpki bootstrap --help)`, g.Flags()))
	}
	if err := g.CheckClock(); err != nil {
		return err
	}
	if os.Geteuid() != 0 && g.Live() && !g.dryRun {
		return hint.With(&fs.PathError{Op: "write", Path: g.Sysconfdir, Err: fs.ErrPermission}, "run it as root, or have a look with --dry-run")
	}
	usual := fromFlags(e, bindBootstrap)
	w := &wizard{Dialog: d, e: e, g: g.clone(), replies: replies{caLife: usual.caLife, life: usual.leafOptions.validity}}
	if err := w.look(ctx); err != nil {
		return err
	}
	w.greet()
	return w.run(ctx)
}

// run asks, shows the plan, and carries it out, or asks again what is to be
// another way.
func (w *wizard) run(ctx context.Context) error {
	for {
		if err := w.walk(ctx); err != nil {
			return w.left(err)
		}
		p, err := w.plan()
		var j *change.Job
		if err == nil {
			j, err = p.preview(w.e)
		}
		if err == nil {
			w.showPlan(p, j)
		} else {
			w.e.sayError(err)
		}
		if w.g.dryRun && err == nil {
			return w.end(ctx, p, j, nil)
		}
		goOn, err := w.settle(ctx, err)
		if err != nil {
			return w.left(err)
		}
		if goOn {
			return w.carryOut(ctx, p)
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

// walk puts the questions that apply and have no answer yet.
func (w *wizard) walk(ctx context.Context) error {
	for {
		q := w.next()
		if q == nil {
			return nil
		}
		switch err := q.ask(w, ctx); {
		case errors.Is(err, prompt.ErrBack):
			w.back()
		case err != nil:
			return err
		default:
			w.history = append(w.history, q.id)
		}
	}
}

// next is the first question that applies and has no answer.
func (w *wizard) next() *question {
	for _, q := range questions() {
		if (q.applies == nil || q.applies(w)) && !slices.Contains(w.history, q.id) {
			return &q
		}
	}
	return nil
}

// back takes the last answer back; it will be what is offered.
func (w *wizard) back() {
	if len(w.history) == 0 {
		w.Say("This is the first question.")
		return
	}
	w.history = w.history[:len(w.history)-1]
}

// again takes an answer back with those that hang on it.
func (w *wizard) again(id string) {
	w.rewrite = id == "patterns"
	for _, q := range questions() {
		if q.id == id || slices.Contains(q.uses, id) {
			w.history = slices.DeleteFunc(w.history, func(have string) bool { return have == q.id })
		}
	}
}

// settle asks whether to go on with the plan, unless wrong says that there is
// none. If not, some question has lost its answer.
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

// edit asks which answer is to be another.
func (w *wizard) edit(ctx context.Context) error {
	var ids, options []string
	for _, q := range questions() {
		if slices.Contains(w.history, q.id) && q.shown != nil {
			ids = append(ids, q.id)
			options = append(options, q.title+": "+q.shown(w))
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
