package prompt

import (
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"virtpki/internal/termtext"
)

// Progress shows people how far a run is: on a terminal in one line that moves, elsewhere in a
// line now and then. The zero value prints nothing.
type Progress struct {
	out    io.Writer
	line   func(format string, args ...any) // where nothing can move
	moving bool
	done   int // at the first call
	began  time.Time
	last   time.Time
}

// These are the times between two lines, on a terminal and elsewhere.
const (
	movingEvery = 200 * time.Millisecond
	lineEvery   = 10 * time.Second
)

// NewProgress returns a Progress that prints on out. If out is not a terminal, line prints a
// line there.
func NewProgress(out io.Writer, line func(format string, args ...any)) *Progress {
	p := &Progress{out: out, line: line}
	if file, ok := out.(*os.File); ok {
		p.moving = term.IsTerminal(int(file.Fd()))
	}
	return p
}

// Show prints how far the run is, unless it did so a moment ago. The first call sets the
// beginning; text is given the number of items done since then, and the time.
func (p *Progress) Show(done int, text func(done int, elapsed time.Duration) string) {
	if p.began.IsZero() {
		p.done, p.began, p.last = done, time.Now(), time.Now()
	}
	every := lineEvery
	if p.moving {
		every = movingEvery
	}
	if p.out == nil || time.Since(p.last) < every {
		return
	}
	p.last = time.Now()
	if p.moving {
		termtext.Fprintf(p.out, "\r\x1b[K%s", text(done-p.done, time.Since(p.began)))
	} else {
		p.line("%s", text(done-p.done, time.Since(p.began)))
	}
}

// End clears the line that moved.
func (p *Progress) End() {
	if p.moving {
		io.WriteString(p.out, "\r\x1b[K")
	}
}
