package calendar

import "time"

// Schedule tells when a program runs next: an [Expression], or the times of a crontab.
type Schedule interface {
	// Next returns the first time after t; the zero time if there is none.
	Next(t time.Time) time.Time
}

// nextOf returns the first time after t of several schedules.
func nextOf(all []Schedule, t time.Time) (first time.Time) {
	for _, s := range all {
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
func Longest(from time.Time, all ...Schedule) (longest time.Duration) {
	at := nextOf(all, from)
	if at.IsZero() {
		return Forever
	}
	for range looked {
		if at.After(from.AddDate(ahead, 0, 0)) {
			break
		}
		next := nextOf(all, at)
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
func pauseAt(all []Schedule, point time.Time) time.Duration {
	next := nextOf(all, point)
	if next.IsZero() {
		return Forever
	}
	before, after := point.Add(-time.Hour), point // the last run before next lies between them
	for after.Sub(before) > time.Millisecond {
		middle := before.Add(after.Sub(before) / 2)
		if nextOf(all, middle).Before(next) {
			before = middle
		} else {
			after = middle
		}
	}
	return next.Sub(after)
}
