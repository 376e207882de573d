package main

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// faults is a command that is to lose nothing, whatever happens to it when. In
// its arguments ROOT stands for the throwaway root.
type faults struct {
	name string
	// prepare makes what is there before the command runs, in a root that is
	// an empty folder. It runs once.
	prepare func(t *testing.T, in injector, root string)
	command []string
	// goesOn is set where a failure may leave what the next run goes on with.
	goesOn bool
	// check looks at a root after the command was killed in it, or has failed.
	check func(t *testing.T, at scene)
	// phases says that the command works in several, each of which is all or
	// nothing: after a call that failed in a later one the earlier ones stand.
	phases bool
	// again looks at a root after the command has run twice more.
	again func(t *testing.T, at scene, first, second outcome)
}

// scene is a root after a run that met a fault.
type scene struct {
	injector
	command []string
	goesOn  bool
	root    string
	before  snapshot // before the command
	whole   snapshot // after a run of the command without a fault
	out     outcome
}

// kill is the fault that ends a run without a chance to tidy up; the others make a
// call fail.
const kill = "signal=KILL"

// TestFaults kills commands at every system call that changes a file, and has
// each of these calls fail: for want of space, and for an error of the disk.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no faults are injected")
	}
	needStrace(t)
	binary := buildStatic(t)
	for _, f := range faultCases() {
		t.Run(f.name, func(t *testing.T) { f.run(t, binary) })
	}
}

// rig is what the runs of one case share.
type rig struct {
	faults
	injector injector
	before   string // the root as prepare has left it
	scene    scene
	steps    []step
	runs     atomic.Int32

	mu   sync.Mutex
	seen [][]int // for each step, the numbers that it had in its thread
}

func (f faults) run(t *testing.T, binary string) {
	r := &rig{faults: f, injector: injector{binary, scratch(t)}}
	r.before = filepath.Join(r.injector.folder, "before", "root")
	if err := os.MkdirAll(r.before, 0o755); err != nil {
		t.Fatal(err)
	}
	f.prepare(t, r.injector, r.before)
	r.scene = scene{injector: r.injector, command: f.command, goesOn: f.goesOn, root: r.fresh(t, "whole"), before: snap(t, r.before)}
	whole := r.injector.count(t, r.scene.root, f.command)
	if whole.status != 0 {
		t.Fatalf("without a fault: exit status %d\n%s", whole.status, whole.stderr)
	}
	r.steps, r.scene.whole = oneReport(whole.steps), snap(t, r.scene.root)
	r.seen = make([][]int, len(r.steps))
	for i := range 8 {
		r.learn(r.injector.count(t, r.fresh(t, fmt.Sprintf("count-%d", i)), f.command))
	}
	r.learn(whole)
	checkClean(t, r.scene.root)
	for _, fault := range []string{kill, "error=ENOSPC", "error=EIO"} {
		t.Run(fault, func(t *testing.T) { r.everywhere(t, fault) })
	}
	t.Run("a disk that stays broken", r.stays)
	t.Logf("%d steps, %d injections", len(r.steps), r.runs.Load())
}

// scratch is a folder for thousands of small files. It is in memory where there
// is such a place: a kill is no power cut, so a sync can be free.
func scratch(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/dev/shm", "virtpki-faults-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

// oneReport leaves one line of the report to be killed at, and the end, once:
// two threads of a Go program may both come to it.
func oneReport(steps []step) []step {
	var out []step
	reported, ended := false, false
	for _, s := range steps {
		end := s.call == "exit_group"
		if s.own || end && !ended || !end && !reported {
			out = append(out, s)
		}
		reported, ended = reported || !s.own, ended || end
	}
	return out
}

// fresh is a new root as prepare has left it.
func (r *rig) fresh(t *testing.T, name string) string {
	t.Helper()
	folder := filepath.Join(r.injector.folder, name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", r.before, folder).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(folder, "root")
}

// tries is how often a step is aimed at before it counts as missed.
const tries = 800

// everywhere injects a fault into every step. Go moves work between threads, by
// which strace counts: so what counts is where each fault struck.
func (r *rig) everywhere(t *testing.T, fault string) {
	struck := make([]atomic.Bool, len(r.steps))
	r.forEach(len(r.steps), func(i int) {
		if fault != kill && !r.steps[i].own {
			return
		}
		t.Run(fmt.Sprintf("%d-%s", i, r.steps[i].call), func(t *testing.T) {
			for try := 0; !struck[i].Load(); try++ {
				if try == tries {
					t.Fatalf("never met: %s", r.steps[i].what)
				}
				at := r.strike(t, fmt.Sprintf("%s-%d", fault, i), fault, r.aim(i, try).at(fault))
				if hit := indexIn(r.steps, at.out); hit >= 0 && hit < len(struck) {
					struck[hit].Store(true)
				}
			}
		})
	})
}

// learn keeps which number each step had in its thread in a run, up to its fault.
func (r *rig) learn(out outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, s := range oneReport(out.steps) {
		if i >= len(r.steps) || s.call != r.steps[i].call {
			return
		}
		r.seen[i] = append(r.seen[i], s.nth)
	}
}

// aim picks a number for a step among those that it has had so far, and from time
// to time one beside them.
func (r *rig) aim(i, try int) step {
	r.mu.Lock()
	defer r.mu.Unlock()
	target := r.steps[i]
	if try > 0 {
		target.nth = r.seen[i][rand.IntN(len(r.seen[i]))]
	}
	if try%4 == 3 {
		target.nth = max(1, target.nth+rand.IntN(7)-3)
	}
	return target
}

// stays has each kind of call that undoing could need fail for good.
func (r *rig) stays(t *testing.T) {
	r.forEach(len(r.steps), func(i int) {
		s := r.steps[i]
		if !s.own || s.call != "fsync" && s.call != "mkdirat" && s.call != "linkat" {
			return
		}
		t.Run(fmt.Sprintf("%d-%s", i, s.call), func(t *testing.T) {
			r.strike(t, fmt.Sprintf("stays-%d", i), "error=ENOSPC", s.from("error=ENOSPC"))
		})
	})
}

// forEach calls visit for 0 to n-1, on two cores at most.
func (r *rig) forEach(n int, visit func(i int)) {
	var group sync.WaitGroup
	var next atomic.Int32
	for range min(2, runtime.NumCPU()) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				visit(i)
			}
		})
	}
	group.Wait()
}

// strike runs the command with a fault, looks at what it has left, and has it
// finish.
func (r *rig) strike(t *testing.T, name, fault string, inject []string) scene {
	at := r.scene
	at.root = r.fresh(t, name)
	defer os.RemoveAll(filepath.Dir(at.root))
	at.out = r.injector.run(t, at.root, r.command, inject...)
	r.learn(at.out)
	if at.out.hit >= 0 && fault != kill && !at.out.steps[at.out.hit].own {
		at.out.hit = -1 // the report could not be written: no matter of files
	}
	if last := len(at.out.steps) - 1; at.out.hit < 0 && last >= 0 && at.out.steps[last].call == "exit_group" && strings.Contains(strings.Join(inject, " "), "exit_group") {
		at.out.hit = last // the end came before the signal: what it has left is looked at all the same
	}
	if at.out.hit < 0 {
		return at
	}
	r.runs.Add(1)
	defer func() {
		if t.Failed() {
			t.Logf("%s at step %d: %s", fault, at.out.hit, at.out.steps[at.out.hit].what)
		}
	}()
	checkKeys(t, at.root)
	r.check(t, at)
	if fault != kill && !r.phases {
		at.checkRefused(t)
	}
	at.finish(t, r.again)
	return at
}

// indexIn is the index of the step that met a fault among those of the run that
// met none. The lines of a report but the first count as none.
func indexIn(steps []step, out outcome) int {
	if out.hit < 0 {
		return -1
	}
	hit := out.steps[out.hit]
	if hit.call == "exit_group" {
		return len(steps) - 1
	}
	if !hit.own && out.hit > 0 && !out.steps[out.hit-1].own {
		return -1
	}
	return out.hit
}

// finish runs the command again, and again.
func (at scene) finish(t *testing.T, again func(t *testing.T, at scene, first, second outcome)) {
	first := at.run(t, at.root, at.command)
	second := at.run(t, at.root, at.command)
	checkKeys(t, at.root)
	again(t, at, first, second)
	if !at.tidiedUp() {
		checkClean(t, at.root)
	}
}

// isGeneration reports whether a text speaks of a generation before: the next run
// goes on with keeping it.
func isGeneration(text string) bool {
	return strings.Contains(text, "/.libvirt.") || strings.Contains(text, "/.qemu.")
}

// tidiedUp reports whether the fault was that something could not be removed
// after the work was done. It is swept when there is work again.
func (at scene) tidiedUp() bool {
	step := at.out.steps[at.out.hit]
	keeping := isGeneration(step.what)
	return at.out.status == 0 && (keeping || strings.HasPrefix(step.call, "unlink"))
}

// checkRefused looks at a run in which one call failed: it has done nothing and
// says so in one line, unless what failed was to tidy up behind what it had done.
func (at scene) checkRefused(t *testing.T) {
	if at.tidiedUp() {
		for line := range strings.Lines(at.whole.shape().diff(snap(t, at.root).withoutLeavings().shape())) {
			if !isGeneration(line) {
				t.Errorf("exit status 0, but %s", line)
			}
		}
		return
	}
	if at.out.status == exitError && at.out.stderr == "" && at.out.steps[at.out.hit].call == "write" {
		return // the thread that told of it met the fault as well
	}
	lines := strings.Split(strings.TrimSuffix(at.out.stderr, "\n"), "\n")
	if at.out.status == exitError && strings.Contains(at.out.stderr, "keeping the generation before is left to the next run") {
		return // one thread met the fault when it tidied up, another one before, with a single file
	}
	if at.goesOn && at.out.status == exitError && strings.HasPrefix(lines[0], "virtpki: error: ") {
		return
	}
	if at.out.status != exitError || len(lines) != 1 || !strings.HasPrefix(lines[0], "virtpki: error: ") {
		t.Errorf("exit status %d, want %d and one line:\n%s", at.out.status, exitError, at.out.stderr)
	}
	now := snap(t, at.root)
	if strings.HasPrefix(at.out.steps[at.out.hit].call, "unlink") {
		now = now.withoutLeavings()
	}
	if staging := "out/.virtpki-fleet.tmp"; now[staging] != "" { // a second thread met the fault when it tidied up
		now = now.withoutLeavings()
		delete(now, "out")
	}
	if diff := at.before.diff(now); diff != "" {
		t.Errorf("after a failure:\n%s", diff)
	}
}

// snapshot is a tree: for each path its mode, owner and contents.
type snapshot map[string]string

func snap(t *testing.T, root string) snapshot {
	t.Helper()
	s := make(snapshot)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		s[rel] = fmt.Sprint(info.Mode(), ownerText(info))
		if !info.Mode().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		s[rel] += "\n" + string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
