package main

import (
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"virtpki/internal/fleet"
	"virtpki/internal/termtext"
)

// progress tells people on stderr how far a run is: on a terminal in one line that
// moves, elsewhere in a line now and then.
type progress struct {
	e      *env
	quiet  bool
	moving bool
	made   int // when it was told for the first time
	began  time.Time
	last   time.Time
}

// How often progress is told, on a terminal and elsewhere.
const (
	movingEvery = 200 * time.Millisecond
	lineEvery   = 10 * time.Second
)

func (e *env) newProgress(quiet bool) *progress {
	p := &progress{e: e, quiet: quiet}
	if file, ok := e.stderr.(*os.File); ok {
		p.moving = term.IsTerminal(int(file.Fd()))
	}
	return p
}

// show tells how far it is, unless it was told a moment ago. The first call says where it
// begins.
func (p *progress) show(c fleet.Count) {
	if p.began.IsZero() {
		p.made, p.began, p.last = c.Made, time.Now(), time.Now()
	}
	every := lineEvery
	if p.moving {
		every = movingEvery
	}
	if p.quiet || time.Since(p.last) < every {
		return
	}
	p.last = time.Now()
	text := c.Text(c.Made-p.made, time.Since(p.began))
	if p.moving {
		termtext.Fprintf(p.e.stderr, "\r\x1b[K%s", text)
	} else {
		p.e.warn("%s", text)
	}
}

// end clears the line that moved.
func (p *progress) end() {
	if p.moving && !p.quiet {
		io.WriteString(p.e.stderr, "\r\x1b[K")
	}
}
