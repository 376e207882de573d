package fleet

import (
	"context"
	"sync"

	"virtpki/internal/hint"
	"virtpki/internal/program"
)

// workItem is a piece of work on its way through inOrder.
type workItem[T any] struct {
	index int
	value T
	err   error
	done  chan struct{} // closed when value and err are there
}

// lanes are how much is under way at once.
type lanes struct {
	workers int
	window  int // results that may wait to be taken
}

// inOrder calls work for 0 to n-1 on several goroutines, and take with each result, in order,
// one at a time. At most l.window results wait to be taken, so memory does not grow with n. The
// first error ends it, and so does ctx: then the results that are ready are taken, and the
// error is hint.ErrInterrupted. All work has stopped when it returns.
func inOrder[T any](ctx context.Context, n int, l lanes, work func(i int) (T, error), take func(i int, value T) error) error {
	inner, cancel := context.WithCancel(ctx)
	jobs, results := make(chan *workItem[T]), make(chan *workItem[T], l.window)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	for range l.workers {
		group.Go(program.Guard(func() {
			for s := range jobs {
				s.value, s.err = work(s.index)
				close(s.done)
			}
		}))
	}
	group.Go(program.Guard(func() { feed(inner, n, jobs, results) }))
	taken := 0
	for s := range results {
		<-s.done
		if s.err != nil {
			return s.err
		}
		if err := take(s.index, s.value); err != nil {
			return err
		}
		taken++
	}
	if taken < n {
		return hint.ErrInterrupted
	}
	return nil
}

// feed hands out the work until ctx ends.
func feed[T any](ctx context.Context, n int, jobs, results chan<- *workItem[T]) {
	defer close(jobs)
	defer close(results)
	for i := range n {
		s := &workItem[T]{index: i, done: make(chan struct{})}
		select {
		case <-ctx.Done():
			return
		case jobs <- s:
		}
		select {
		case <-ctx.Done():
			return
		case results <- s:
		}
	}
}
