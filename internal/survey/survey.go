package survey

import (
	"context"
	"fmt"
	"sync"
	"time"

	"virtpki/internal/connect"
	"virtpki/internal/hint"
	"virtpki/internal/machine"
)

// Request says which hosts to look at, and as which client.
type Request struct {
	Targets []Target
	Client  connect.Request // URI has [connect.AnyHost] in the place of the host, or is empty
	Jobs    int             // how many at once; 0 for the usual number
	// Progress is called after each host, with the number of hosts done. Calls do not overlap.
	Progress func(Count)
}

// usualJobs is how many hosts are looked at together. Most of the time each waits for the
// network.
const usualJobs = 64

// HostLimit is the usual time limit for one host. Of a thousand hosts some are off, so it is
// shorter than the limit for a single one.
const HostLimit = 5 * time.Second

// Run looks at every host. It returns an error if it cannot look at any.
func Run(ctx context.Context, m *machine.Machine, r Request) (*Report, error) {
	client, err := connect.Prepare(ctx, m, r.Client)
	if err != nil {
		return nil, err
	}
	signed, err := readSigned(m)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	s := &survey{m: m, r: r, client: client, signed: signed, results: make([]Result, len(r.Targets))}
	s.lookAtAll(ctx)
	if ctx.Err() != nil {
		return nil, hint.ErrInterrupted
	}
	return newReport(s.results, m.Now(), time.Since(began), signed != nil), nil
}

// survey is one run.
type survey struct {
	m       *machine.Machine
	r       Request
	client  *connect.Client
	signed  signed
	results []Result // in the order of the targets

	mu   sync.Mutex
	done Count
}

// lookAtAll lets several goroutines take one target after the other.
func (s *survey) lookAtAll(ctx context.Context) {
	s.done.Total = len(s.r.Targets)
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(s.jobs(), len(s.r.Targets)) {
		workers.Go(func() {
			for i := range next {
				s.results[i] = s.lookAt(ctx, s.r.Targets[i])
				s.tell(s.results[i])
			}
		})
	}
	for i := range s.r.Targets {
		select {
		case next <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	workers.Wait()
}

func (s *survey) jobs() int {
	if s.r.Jobs > 0 {
		return s.r.Jobs
	}
	return usualJobs
}

// lookAt looks at one host and returns the verdict.
func (s *survey) lookAt(ctx context.Context, t Target) Result {
	report, err := s.client.Look(ctx, t.Name, t.Dial, s.r.Client.Timeout)
	if err != nil {
		return Result{Host: t.Name, Verdict: NoName, Text: err.Error()}
	}
	return judge(t, report, s.signed, s.m.Now())
}

func (s *survey) tell(r Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done.Done++
	if !r.OK {
		s.done.Bad++
	}
	if s.r.Progress != nil {
		s.r.Progress(s.done)
	}
}

// Count is the progress of a run.
type Count struct{ Done, Bad, Total int }

// Text words the progress. done is the number of hosts since the first call, in elapsed.
func (c Count) Text(done int, elapsed time.Duration) string {
	text := fmt.Sprintf("%d of %d hosts, %d not fine", c.Done, c.Total, c.Bad)
	if done == 0 || elapsed <= 0 {
		return text
	}
	rate := float64(done) / elapsed.Seconds()
	left := time.Duration(float64(c.Total-c.Done) / rate * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%s, %.1f a second, %v left", text, rate, left)
}
