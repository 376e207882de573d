package adopt

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/machine"
)

// Watching is a request that is carried out again whenever its files change.
type Watching struct {
	Request
	Metrics string // file for Prometheus; empty for none

	// Keys returns the keyring of one run.
	Keys func() *change.Keyring
	// Tell is told of each run that has changed something, and of each error once.
	Tell func(j *change.Job, err error)
}

const (
	// quiet is how long nothing has to change before the files are read: a tool writes key,
	// certificate and CA one after the other.
	quiet = 200 * time.Millisecond
	// impatience is how long files that never rest are waited for.
	impatience = 5 * time.Second
	// anyway is when the files are read though nothing was heard of them: a daemon may have
	// been started, or an event lost.
	anyway = time.Hour
)

// watch is one run of Watch.
type watch struct {
	Watching
	m       *machine.Machine
	o       change.Options
	status  *status
	retry   backOff // after what was refused before anything changed
	again   backOff // after what a daemon did not take, and was put back
	said    string  // the error that was told last
	changes int     // runs that have changed something
}

// Watch installs the key pairs of a request, and again whenever the files change, until the
// context ends. An error is told, and tried again later: what is installed stays.
func Watch(ctx context.Context, m *machine.Machine, w Watching, o change.Options) error {
	n, err := newNotifier(w.watched())
	if err != nil {
		return err
	}
	defer n.close()
	run := &watch{Watching: w, m: m, o: o, status: newStatus()}
	run.rest()
	defer run.status.send("STOPPING=1")
	for ctx.Err() == nil {
		n.arm()
		j, err := Install(ctx, m, w.Request, w.Keys(), o)
		if ctx.Err() != nil {
			break
		}
		run.told(j, err)
		if !run.await(ctx, n, run.wait(j, err)) {
			break
		}
	}
	return nil
}

// watched are the directories in which something changes with the files, each with the names
// that matter in it; none for all. Above a directory its own name does: it may be exchanged
// as a whole.
func (s Source) watched() map[string][]string {
	folders := make(map[string][]string)
	for _, path := range slices.Concat(s.Keys, s.Certs, s.CRLs, s.Dirs) {
		folder, name := filepath.Split(filepath.Clean(path))
		folders[filepath.Clean(folder)] = append(folders[filepath.Clean(folder)], name)
	}
	for _, dir := range s.Dirs {
		folders[filepath.Clean(dir)] = nil
	}
	return folders
}

// isWatched reports whether a name is among those that matter; none stands for all.
func isWatched(names []string, name string) bool {
	return len(names) == 0 || slices.Contains(names, name)
}

// told tells of a run: people, systemd and Prometheus.
func (w *watch) told(j *change.Job, err error) {
	changed := j != nil && len(j.Plan.Changes())+len(j.Done) > 0
	if changed {
		w.changes++
	}
	text := ""
	if err != nil {
		text = err.Error()
	}
	if changed || err != nil && text != w.said {
		w.Tell(j, err)
	}
	w.said = text
	if failed := w.writeMetrics(err == nil); failed != nil {
		w.Tell(nil, failed)
	}
	w.status.send("READY=1", w.status.line(w, err))
}

// wait returns after how long the files are read again though they have not changed. What a
// daemon has not taken is tried again more seldom: each time it serves it for an instant.
func (w *watch) wait(j *change.Job, err error) time.Duration {
	switch {
	case err == nil:
		w.rest()
		return anyway
	case j != nil:
		return w.again.next()
	}
	return w.retry.next()
}

// rest begins to count failures from the first.
func (w *watch) rest() {
	w.retry = backOff{first: time.Second, last: 5 * time.Minute}
	w.again = backOff{first: time.Minute, last: anyway}
}

// await returns true when the files have changed and are at rest, or the time is over; false
// when the context has ended.
func (w *watch) await(ctx context.Context, n *notifier, limit time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(limit):
		return true
	case <-n.events:
	}
	w.rest()
	return settle(ctx, n.events)
}

// settle waits until no event has come for a while.
func settle(ctx context.Context, events <-chan struct{}) bool {
	enough := time.After(impatience)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-events:
		case <-time.After(quiet):
			return true
		case <-enough:
			return true
		}
	}
}

// backOff is how long is waited after one failure after another.
type backOff struct{ first, last, now time.Duration }

// next returns the time after another failure: twice that of before, up to a limit.
func (b *backOff) next() time.Duration {
	b.now = min(max(b.first, 2*b.now), b.last)
	return b.now
}
