package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"virtpki/internal/hint"
)

func TestInOrder(t *testing.T) {
	var most, under atomic.Int32
	work := func(i int) (int, error) {
		most.Store(max(most.Load(), under.Add(1)))
		time.Sleep(time.Duration(i%7) * 100 * time.Microsecond)
		under.Add(-1)
		return i * i, nil
	}
	next := 0
	err := inOrder(t.Context(), 500, lanes{4, 16}, work, func(i, square int) error {
		if i != next || square != i*i {
			return fmt.Errorf("got %d, %d, want %d", i, square, next)
		}
		next++
		return nil
	})
	if err != nil || next != 500 || most.Load() > 4 {
		t.Errorf("took %d with %d at once, %v", next, most.Load(), err)
	}
}

// No more results wait to be taken than there is room for.
func TestInOrderWaits(t *testing.T) {
	const workers, window = 2, 8
	var begun atomic.Int32
	stuck := make(chan struct{})
	go func() {
		time.Sleep(50 * time.Millisecond)
		close(stuck)
	}()
	err := inOrder(t.Context(), 100, lanes{workers, window}, func(i int) (int, error) {
		begun.Add(1)
		return i, nil
	}, func(i, _ int) error {
		<-stuck
		if i == 0 && begun.Load() > window+workers+2 {
			return fmt.Errorf("%d were begun while the first waited", begun.Load())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestInOrderEnds(t *testing.T) {
	bad := errors.New("bad")
	failAt := func(n int) func(int) (int, error) {
		return func(i int) (int, error) {
			if i == n {
				return 0, bad
			}
			return i, nil
		}
	}
	taken := 0
	count := func(int, int) error { taken++; return nil }
	if err := inOrder(t.Context(), 100, lanes{4, 10}, failAt(30), count); err != bad || taken != 30 {
		t.Errorf("a failure of the work: took %d, %v", taken, err)
	}
	taken = 0
	refuse := func(i, _ int) error {
		if taken++; i == 20 {
			return bad
		}
		return nil
	}
	if err := inOrder(t.Context(), 100, lanes{4, 10}, failAt(-1), refuse); err != bad || taken != 21 {
		t.Errorf("a failure of take: took %d, %v", taken, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	taken = 0
	stop := func(i, _ int) error {
		if taken++; i == 5 {
			cancel()
		}
		return nil
	}
	if err := inOrder(ctx, 1000, lanes{2, 10}, failAt(-1), stop); err != hint.ErrInterrupted || taken < 6 || taken > 30 {
		t.Errorf("interrupted: took %d, %v", taken, err)
	}
	if err := inOrder(t.Context(), 0, lanes{2, 10}, failAt(-1), count); err != nil {
		t.Errorf("nothing to do: %v", err)
	}
}
