//go:build !linux

package adopt

import "time"

// pollEvery is how often files are read on systems that do not report their changes.
const pollEvery = 10 * time.Second

// notifier signals from time to time that something may have changed.
type notifier struct {
	ticker *time.Ticker
	events chan struct{}
	done   chan struct{}
}

func newNotifier(map[string][]string) (*notifier, error) {
	n := &notifier{time.NewTicker(pollEvery), make(chan struct{}, 1), make(chan struct{})}
	go n.tick()
	return n, nil
}

func (n *notifier) arm() {}

func (n *notifier) tick() {
	for {
		select {
		case <-n.done:
			return
		case <-n.ticker.C:
		}
		select {
		case n.events <- struct{}{}:
		default:
		}
	}
}

func (n *notifier) close() {
	n.ticker.Stop()
	close(n.done)
}
