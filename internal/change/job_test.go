package change

import (
	"errors"
	"path/filepath"
	"reflect"
	"testing"
)

// An attempt that fails leaves nothing behind: no plan, no message, no side effect. Changes from
// before and after the attempt stay.
func TestAttemptTakesAllBack(t *testing.T) {
	failed := errors.New("failed")
	for name, decide := range map[string]func(j *Job, elsewhere *int, file func(string) error) error{
		"a pair": func(j *Job, elsewhere *int, file func(string) error) error {
			return errors.Join(file("key"), addAll(j, elsewhere), failed)
		},
		"in the middle of another": func(j *Job, elsewhere *int, file func(string) error) error {
			inner := j.Attempt(func() error { return errors.Join(file("key"), addAll(j, elsewhere)) })
			return errors.Join(inner, addAll(j, elsewhere), failed)
		},
		"inside another": func(j *Job, elsewhere *int, file func(string) error) error {
			inner := j.Attempt(func() error { return errors.Join(file("key"), addAll(j, elsewhere), failed) })
			return errors.Join(inner, addAll(j, elsewhere))
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			j, elsewhere := &Job{}, new(int)
			file := func(name string) error { return j.Plan.File(filepath.Join(folder, name), nil, 0o600, nil) }
			if err := errors.Join(file("first"), addAll(j, elsewhere)); err != nil {
				t.Fatal(err)
			}
			want := sizes(j, elsewhere)
			if err := j.Attempt(func() error { return decide(j, elsewhere, file) }); !errors.Is(err, failed) {
				t.Errorf("error %v, want that of decide", err)
			}
			if got := sizes(j, elsewhere); !reflect.DeepEqual(got, want) {
				t.Errorf("after a failure: %v, want %v", got, want)
			}
			if err := j.Attempt(func() error { return errors.Join(file("last"), addAll(j, elsewhere)) }); err != nil {
				t.Fatal(err)
			}
			for i := range want {
				want[i]++
			}
			if got := sizes(j, elsewhere); !reflect.DeepEqual(got, want) {
				t.Errorf("after an attempt that went well: %v, want %v", got, want)
			}
		})
	}
}

// addAll adds one of everything except file changes, also outside of the job.
func addAll(j *Job, elsewhere *int) error {
	j.Made, j.Found, j.Revoked = append(j.Made, Placed{}), append(j.Found, Placed{}), append(j.Revoked, Placed{})
	j.Did("done")
	j.Note("note")
	j.Next("step")
	*elsewhere++
	j.OnFailure(func() { *elsewhere-- })
	return nil
}

func sizes(j *Job, elsewhere *int) []int {
	return []int{len(j.Plan.Changes()), len(j.Made), len(j.Found), len(j.Revoked), len(j.Done), len(j.Notes), len(j.Steps), *elsewhere}
}
