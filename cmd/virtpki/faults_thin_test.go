package main

import (
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// everyFault returns the faults, without their step.
func everyFault() []fault {
	return []fault{
		killing,
		{name: "ENOSPC", fail: syscall.ENOSPC},
		{name: "EIO", fail: syscall.EIO},
		{name: "a disk that stays full", fail: syscall.ENOSPC, stays: true},
		{name: "no more descriptors", fail: syscall.EMFILE, stays: true},
	}
}

// killing is the kill, without its step.
var killing = fault{name: "kill", kill: true}

// look is a step of a command, without its number.
type look struct {
	command string
	step    step
}

// allFaults reports whether nothing is left out: VIRTPKI_FAULTS=all.
func allFaults() bool { return os.Getenv("VIRTPKI_FAULTS") == "all" }

// turn is 0 or 1, by the last bit of VIRTPKI_SEED, or else by the time: the halves of the looks take turns.
func turn() uint64 {
	seed, err := strconv.ParseUint(os.Getenv("VIRTPKI_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	return seed % 2
}

// thin drops steps that others are like. A run decides twice, and looks many times: of the steps that
// look at one thing in the same way the first is left, or the last, by turns for the ways. None is
// left if an earlier case of the same command has met it, and every second of the others, by turn. Of
// the steps that change a file, and that such a case has met, every third is left.
func thin(steps []step, command string, met map[look]bool, turn uint64) []step {
	if allFaults() {
		return steps
	}
	chosen := chooseLooks(steps)
	again := 0 // steps that change a file, and were met
	looks := turn
	kept := slices.DeleteFunc(slices.Clone(steps), func(s step) bool {
		this := look{command, s.unnumbered()}
		switch {
		case !s.own():
			return false
		case !s.changes:
			if met[this] || s.nth != chosen[this.step] {
				return true
			}
			looks++
			return looks%2 == 0
		case !met[this]:
			return false
		}
		again++
		return again%3 != 1
	})
	for _, s := range steps {
		met[look{command, s.unnumbered()}] = true
	}
	return kept
}

// chooseLooks returns which one of the steps is left that look at one thing in the same way. Its
// keys are steps without numbers.
func chooseLooks(steps []step) map[step]int {
	chosen := make(map[step]int)
	ways := make(map[string]int) // in which a path is looked at
	turn := make(map[step]int)
	for _, s := range steps {
		this := s.unnumbered()
		if _, known := turn[this]; !known {
			turn[this] = ways[s.path]
			ways[s.path]++
			chosen[this] = s.nth
		}
		if turn[this]%2 == 1 {
			chosen[this] = max(chosen[this], s.nth)
		} else {
			chosen[this] = min(chosen[this], s.nth)
		}
	}
	return chosen
}

// unnumbered returns the step without the number that it has in its run.
func (s step) unnumbered() step {
	s.nth = 0
	return s
}

// suits reports whether a fault suits a step. A kill between two steps that only look would find
// nothing new. A fault that stays matters when undoing needs the same call, and only once there is
// something to undo.
func (f fault) suits(s step, changed bool) bool {
	switch {
	case f.stays && !changed:
		return false
	case f.kill:
		return s.changes || !s.own()
	case !s.own():
		return false
	case f.fail == syscall.EMFILE:
		return s.call == "openat" || s.call == "openat2"
	case f.stays:
		return s.call == "fsync" || s.call == "mkdirat" || s.call == "linkat"
	case s.changes && f.fail == syscall.EIO:
		return allFaults() // the same call fails with ENOSPC, and no code asks which error it was
	}
	return s.changes || f.fail == syscall.EIO
}
