package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// faults is a command that must lose nothing when it fails or is killed at any moment. In its
// arguments ROOT stands for the throwaway root, and FOLDER for a directory that all runs share.
type faults struct {
	name string
	// prepare makes the files that exist before the command runs, in a root that is an empty
	// directory. It runs once.
	prepare func(t *testing.T, in injector, root string)
	command []string
	// service is set if the command runs on, and tells systemd that it is ready. It is then ended
	// with SIGTERM. A service reports a failed call and tries again, so it is only killed here.
	service bool
	// goesOn is set if a failure may leave files from which the next run continues.
	goesOn bool
	// each is set if the failure of one thing does not stop the others.
	each bool
	// check looks at a root after the command was killed in it or has failed.
	check func(t *testing.T, at scene)
	// phases says that the command works in several phases, each of which is all or nothing. If a
	// call in a later phase fails, the earlier phases stand.
	phases bool
	// again looks at a root after the command has run twice more.
	again func(t *testing.T, at scene, first, second outcome)
}

// scene is a root after a run that met a fault.
type scene struct {
	injector
	command []string
	goesOn  bool
	each    bool
	stays   bool // the failing call kept on failing
	number  int  // of the step that met the fault
	root    string
	before  snapshot // before the command
	whole   snapshot // after a run of the command without a fault
	now     snapshot // after the run that met the fault
	out     outcome
}

// TestFaults kills commands before every system call that changes a file. It also makes each of
// these calls fail for lack of space, and each call that reads a file fail with a disk error.
//
// An ordinary run leaves out repetitions: see moment, [rig.everywhere], [rig.judge] and
// thin. VIRTPKI_FAULTS=all leaves out nothing, and has the calls that change a file fail with a disk
// error as well.
func TestFaults(t *testing.T) {
	needTracer(t)
	t.Parallel() // it waits for the disk
	in := newInjector(t)
	met := make(map[look]bool)
	for _, f := range faultCases() {
		t.Run(f.name, func(t *testing.T) { f.run(t, in, met) })
	}
}

// rig is shared by the runs of one case.
type rig struct {
	faults
	injector injector
	before   string // the root as prepare has left it
	place    string // the root of the runs without a fault
	scene    scene
	steps    []step
	moments  []moment
	roots    chan string // roots as prepare has left them
	runs     atomic.Int32
	judged   sync.Map // the likenesses of trees in which the command has been run again
}

func (f faults) run(t *testing.T, in injector, met map[look]bool) {
	in.folder = scratch(t)
	in.words = map[string]string{"FOLDER": in.folder}
	prepare := in
	in.service = f.service
	r := &rig{faults: f, injector: in, roots: make(chan string, workers)}
	r.before, r.place = filepath.Join(in.folder, "before", "root"), filepath.Join(in.folder, "place", "root")
	if err := errors.Join(os.MkdirAll(r.before, 0o755), os.MkdirAll(filepath.Dir(r.place), 0o755)); err != nil {
		t.Fatal(err)
	}
	f.prepare(t, prepare, r.before)
	r.scene = scene{injector: in, command: f.command, goesOn: f.goesOn, each: f.each, before: snap(t, r.before)}
	r.learn(t)
	r.scene.whole = snap(t, r.place)
	checkClean(t, r.place)
	for range 3 {
		r.learn(t)
	}
	half := turn()
	r.steps = thin(r.steps, f.command[0], met, half)
	var group sync.WaitGroup
	group.Go(func() { t.Run("killed", r.killed) })
	for _, fault := range everyFault() {
		if fault.kill || !f.service {
			t.Run(fault.name, func(t *testing.T) { r.everywhere(t, fault) })
		}
	}
	group.Wait()
	t.Logf("%d steps, half %d of the looks, %d moments, %d injections", len(r.steps), half, len(r.moments), r.runs.Load())
}

// learn adds the steps of a run without a fault, and keeps the root that a kill before them leaves. Runs
// differ: virtpki compares a file with its new contents only when both have the same size, and a
// signature is now and then a byte longer.
func (r *rig) learn(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(r.place); err != nil {
		t.Fatal(err)
	}
	copyTree(t, r.before, r.place)
	whole := r.injector.trace(t, r.place, r.command, fault{before: func(s step, said func() string) { r.keep(t, s, said()) }})
	if whole.status != 0 {
		t.Fatalf("without a fault: exit status %d\n%s", whole.status, whole.stderr)
	}
	for _, s := range whole.steps {
		if !slices.Contains(r.steps, s) {
			r.steps = append(r.steps, s)
		}
	}
}

// scratch returns a directory for thousands of small files. It is in memory if possible: a kill
// does not lose written data as a power cut does, so a sync can cost nothing.
func scratch(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/dev/shm", "virtpki-faults-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

// fresh returns a root as prepare has left it.
func (r *rig) fresh(t *testing.T) string {
	t.Helper()
	select {
	case root := <-r.roots:
		return root
	default:
	}
	folder, err := os.MkdirTemp(r.injector.folder, "run-")
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(folder, "root")
	copyTree(t, r.before, root)
	return root
}

// everywhere injects a fault into every step that it suits. It kills at every tenth of them alone:
// the others have their moments.
func (r *rig) everywhere(t *testing.T, f fault) {
	first := slices.IndexFunc(r.steps, func(s step) bool { return s.changes && s.call != "flock" && !isLock(s) })
	var suiting []int
	for i, s := range r.steps {
		if f.suits(s, i > first) {
			suiting = append(suiting, i)
		}
	}
	r.forEach(len(suiting), func(n int) {
		if f.kill && n%10 != 0 && !allFaults() {
			return
		}
		f, i := f, suiting[n]
		f.at = r.steps[i]
		t.Run(fmt.Sprintf("%d-%s", i, f.at.call), func(t *testing.T) { r.strike(t, f, i) })
	})
}

// workers is how many runs there are at once.
const workers = 4

// forEach calls visit for 0 to n-1, by several workers.
func (r *rig) forEach(n int, visit func(i int)) {
	var group sync.WaitGroup
	var next atomic.Int32
	for range workers {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				visit(i)
			}
		})
	}
	group.Wait()
}

// tries is how many runs may lack a step that only some runs have; see learn.
const tries = 100

// strike runs the command with a fault in a step, looks at the result, and lets the command finish.
func (r *rig) strike(t *testing.T, f fault, number int) {
	at := r.meet(t, f)
	at.number, at.stays = number, f.stays
	r.runs.Add(1)
	defer func() {
		if t.Failed() {
			t.Logf("%s at step %d: %v", f.name, number, f.at)
		}
	}()
	at.now = snap(t, at.root)
	if !f.kill && !r.phases {
		at.checkRefused(t)
	}
	if r.judge(t, at) {
		r.giveBack(at.root)
		return
	}
	if err := os.RemoveAll(filepath.Dir(at.root)); err != nil {
		t.Fatal(err)
	}
}

// judge looks at a root after a run that met a fault, and lets the command finish. If the run
// failed and changed nothing, finishing would only repeat a run without a fault: then unchanged is
// set. Nor is the command run again in a tree that is like one in which it has been.
func (r *rig) judge(t *testing.T, at scene) (unchanged bool) {
	t.Helper()
	if maps.Equal(at.before, at.now) && at.out.status != 0 {
		return true
	}
	checkKeys(t, at.root, at.now)
	r.check(t, at)
	if _, judged := r.judged.LoadOrStore(fmt.Sprintln(at.tidiedUp(), at.now.likeness(at.before)), true); !judged || allFaults() {
		at.finish(t, r.again)
	}
	return false
}

// meet runs the command with a fault until a run has the step.
func (r *rig) meet(t *testing.T, f fault) scene {
	t.Helper()
	for range tries {
		at := r.scene
		at.root = r.fresh(t)
		if at.out = r.injector.trace(t, at.root, r.command, f); at.out.hit {
			return at
		}
		if err := os.RemoveAll(filepath.Dir(at.root)); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("never met: %v", f.at)
	return scene{}
}

// giveBack keeps an unchanged root for another run.
func (r *rig) giveBack(root string) {
	select {
	case r.roots <- root:
	default:
		os.RemoveAll(filepath.Dir(root))
	}
}

// finish runs the command twice more.
func (at scene) finish(t *testing.T, again func(t *testing.T, at scene, first, second outcome)) {
	first := at.run(t, at.root, at.command)
	second := at.run(t, at.root, at.command)
	checkKeys(t, at.root, snap(t, at.root))
	again(t, at, first, second)
	if !at.tidiedUp() {
		checkClean(t, at.root)
	}
}

// isGeneration reports whether a text names the previous certificates. Keeping them may be left to
// the next run.
func isGeneration(text string) bool {
	return strings.Contains(text, "/.libvirt.") || strings.Contains(text, "/.qemu.")
}

// tidiedUp reports whether the work was done and the fault only kept files from being removed, or
// from being kept as the previous ones. The next run that has work to do completes that.
func (at scene) tidiedUp() bool {
	said := at.out.stdout + at.out.stderr
	return at.out.status == 0 && (at.out.met.call == "unlinkat" || strings.Contains(said, "the next run removes") || strings.Contains(said, "are not kept yet"))
}

// checkRefused looks at a run in which a call failed. The run has either done nothing and reported
// one line, or it has done everything because it did not need the call.
func (at scene) checkRefused(t *testing.T) {
	t.Helper()
	if at.out.status == 0 {
		for line := range strings.Lines(at.whole.shape().diff(at.now.withoutLeavings().shape())) {
			if !isGeneration(line) || !at.tidiedUp() {
				t.Errorf("exit status 0, but %s", line)
			}
		}
		return
	}
	if at.out.status != exitError || strings.Count(at.out.stderr, "virtpki: error: ") != 1 {
		t.Errorf("exit status %d, want %d and one error:\n%s", at.out.status, exitError, at.out.stderr)
	}
	if at.goesOn || at.each || at.stays { // undoing may fail as well, and files under construction stay
		return
	}
	now := at.now
	if at.out.met.call == "unlinkat" {
		now = now.withoutLeavings()
	}
	if diff := at.before.diff(now); diff != "" {
		t.Errorf("after a failure:\n%s", diff)
	}
}
