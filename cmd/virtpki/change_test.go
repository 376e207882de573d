package main

import (
	"crypto/x509"
	"errors"
	"path/filepath"
	"reflect"
	"testing"
)

// What an attempt that fails has planned, told and noted elsewhere is taken back; what
// was there before it, and what comes after it, stays.
func TestAttemptTakesAllBack(t *testing.T) {
	failed := errors.New("failed")
	for name, decide := range map[string]func(j *job, a *authority, file func(string) error) error{
		"a pair": func(j *job, a *authority, file func(string) error) error {
			return errors.Join(file("key"), j.addAll(a), failed)
		},
		"in the middle of another": func(j *job, a *authority, file func(string) error) error {
			inner := j.attempt(func() error { return errors.Join(file("key"), j.addAll(a)) })
			return errors.Join(inner, j.addAll(a), failed)
		},
		"inside another": func(j *job, a *authority, file func(string) error) error {
			inner := j.attempt(func() error { return errors.Join(file("key"), j.addAll(a), failed) })
			return errors.Join(inner, j.addAll(a))
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			j, a := &job{}, &authority{}
			file := func(name string) error { return j.plan.File(filepath.Join(folder, name), nil, 0o600, nil) }
			if err := errors.Join(file("first"), j.addAll(a)); err != nil {
				t.Fatal(err)
			}
			want := j.counts(a)
			if err := j.attempt(func() error { return decide(j, a, file) }); !errors.Is(err, failed) {
				t.Errorf("error %v, want that of decide", err)
			}
			if got := j.counts(a); !reflect.DeepEqual(got, want) {
				t.Errorf("after a failure: %v, want %v", got, want)
			}
			if err := j.attempt(func() error { return errors.Join(file("last"), j.addAll(a)) }); err != nil {
				t.Fatal(err)
			}
			for i := range want {
				want[i]++
			}
			if got := j.counts(a); !reflect.DeepEqual(got, want) {
				t.Errorf("after an attempt that went well: %v, want %v", got, want)
			}
		})
	}
}

// addAll adds one of everything but changes.
func (j *job) addAll(a *authority) error {
	j.made, j.found = append(j.made, placed{}), append(j.found, placed{})
	j.did("done")
	j.note("note")
	a.plan(j, &x509.Certificate{})
	return nil
}

func (j *job) counts(a *authority) []int {
	return []int{len(j.plan.Changes()), len(j.made), len(j.found), len(j.done), len(j.notes), len(a.pending)}
}
