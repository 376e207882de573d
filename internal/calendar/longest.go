package calendar

import "time"

// Schedule tells when a program runs next: an [Expression], or the times of a crontab.
type Schedule interface {
	// Next returns the first time after t; the zero time if there is none.
	Next(t time.Time) time.Time
}

// remembered is a schedule that keeps its latest result: one with its next run far away
// takes thousands of steps to find it.
type remembered struct {
	Schedule
	asked, next time.Time // no run lies between them; next is zero if none follows
	known       bool
}

// Next is that of the schedule.
func (r *remembered) Next(t time.Time) time.Time {
	if !r.known || t.Before(r.asked) || !r.next.IsZero() && !t.Before(r.next) {
		r.asked, r.next, r.known = t, r.Schedule.Next(t), true
	}
	return r.next
}

// schedules are several schedules as one.
type schedules []*remembered

func remember(all []Schedule) (r schedules) {
	for _, s := range all {
		r = append(r, &remembered{Schedule: s})
	}
	return r
}

// Next returns the first time after t of all schedules.
func (r schedules) Next(t time.Time) (first time.Time) {
	for _, s := range r {
		if at := s.Next(t); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// How far Longest looks: at so many runs one by one, so many years ahead, and then at one time in
// each hour of a week, which finds every pause of an hour or more.
const (
	looked = 500
	ahead  = 10
	week   = 8 * 24
)

// Longest returns the longest time between two runs of several schedules together, from a time
// on; [Forever] if they end with one run or none. It looks at the next 500 runs, but not
// more than ten years ahead, and at the next week.
func Longest(from time.Time, several ...Schedule) (longest time.Duration) {
	all := remember(several)
	at := all.Next(from)
	if at.IsZero() {
		return Forever
	}
	for range looked {
		if at.After(from.AddDate(ahead, 0, 0)) {
			break
		}
		next := all.Next(at)
		if next.IsZero() {
			if longest == 0 {
				return Forever
			}
			return longest
		}
		longest = max(longest, next.Sub(at))
		at = next
	}
	for hour := range week {
		if point := from.Add(time.Duration(hour) * time.Hour); point.After(at) {
			longest = max(longest, pauseAt(all, point))
		}
	}
	return longest
}

// pauseAt returns the time between the two runs around a point that are at most an hour before
// it and after it: no run is forgotten, but a pause that began earlier is cut.
func pauseAt(all schedules, point time.Time) time.Duration {
	next := all.Next(point)
	if next.IsZero() {
		return Forever
	}
	before, after := point.Add(-time.Hour), point // the last run before next lies between them
	for after.Sub(before) > time.Millisecond {
		middle := before.Add(after.Sub(before) / 2)
		if all.Next(middle).Before(next) {
			before = middle
		} else {
			after = middle
		}
	}
	return next.Sub(after)
}
