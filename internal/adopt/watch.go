package adopt

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/machine"
)

// Watching is a request that is repeated whenever its files change.
type Watching struct {
	Request
	Metrics string // file for Prometheus; empty for none

	// Keys returns the keyring of one run.
	Keys func() *change.Keyring
	// Tell is called for each run that has changed something, and once for each error.
	Tell func(j *change.Job, err error)
}

const (
	// quiet is how long the files must be unchanged before they are read: a tool writes key,
	// certificate and CA one after the other.
	quiet = 200 * time.Millisecond
	// impatience is the longest wait for files that keep changing.
	impatience = 5 * time.Second
	// anyway is the interval at which the files are read without an event: a daemon may have
	// been started, or an event lost.
	anyway = time.Hour
)

// watch is one run of Watch.
type watch struct {
	Watching
	m       *machine.Machine
	o       change.Options
	status  *status
	retry   backOff // after files that were refused before anything changed
	again   backOff // after files that a daemon refused, and that were put back
	said    string  // the error of the last call of Tell
	changes int     // runs that have changed something
}

// Watch installs the key pairs of a request, and installs them again whenever the files change,
// until the context ends. It reports an error and tries again later: the installed files stay.
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

// watched returns the directories in which something changes with the files, each with its
// relevant names; none for all. The parent of a directory is included with the directory's
// name, because the directory may be replaced as a whole.
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

// isWatched reports whether a name is relevant; no names stand for all.
func isWatched(names []string, name string) bool {
	return len(names) == 0 || slices.Contains(names, name)
}

// told reports a run to people, systemd and Prometheus.
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

// wait returns the time until unchanged files are read again. Files that a daemon has refused
// are tried less often, because the daemon serves them for a moment at each attempt.
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

// rest resets the waiting times: the next failure counts as the first.
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

// backOff returns growing waiting times for repeated failures.
type backOff struct{ first, last, now time.Duration }

// next returns the time after another failure: twice the previous one, up to a limit.
func (b *backOff) next() time.Duration {
	b.now = min(max(b.first, 2*b.now), b.last)
	return b.now
}
