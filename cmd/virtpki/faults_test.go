package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// faults is a command that must lose nothing when it fails or is killed at any moment. In its
// arguments ROOT stands for the throwaway root.
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
	root    string
	before  snapshot // before the command
	whole   snapshot // after a run of the command without a fault
	now     snapshot // after the run that met the fault
	out     outcome
}

// TestFaults kills commands before every system call that changes a file. It also makes each of
// these calls fail for lack of space, and each call that reads or changes a file fail with a disk
// error.
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
	scene    scene
	steps    []step
	roots    chan string // roots as prepare has left them
	runs     atomic.Int32
}

func (f faults) run(t *testing.T, in injector, met map[look]bool) {
	in.folder = scratch(t)
	prepare := in
	in.service = f.service
	r := &rig{faults: f, injector: in, roots: make(chan string, workers)}
	r.before = filepath.Join(in.folder, "before", "root")
	if err := os.MkdirAll(r.before, 0o755); err != nil {
		t.Fatal(err)
	}
	f.prepare(t, prepare, r.before)
	r.scene = scene{injector: in, command: f.command, goesOn: f.goesOn, each: f.each, root: r.fresh(t), before: snap(t, r.before)}
	r.learn(t, r.scene.root)
	r.scene.whole = snap(t, r.scene.root)
	checkClean(t, r.scene.root)
	for range 3 {
		r.learn(t, r.fresh(t))
	}
	r.steps = thin(r.steps, f.command[0], met)
	for _, fault := range everyFault() {
		if fault.kill || !f.service {
			t.Run(fault.name, func(t *testing.T) { r.everywhere(t, fault) })
		}
	}
	t.Logf("%d steps, %d injections", len(r.steps), r.runs.Load())
}

// learn adds the steps of a run without a fault. Runs differ: virtpki compares a file with its new
// contents only when both have the same size, and a signature is now and then a byte longer.
func (r *rig) learn(t *testing.T, root string) {
	t.Helper()
	whole := r.injector.trace(t, root, r.command, fault{})
	if whole.status != 0 {
		t.Fatalf("without a fault: exit status %d\n%s", whole.status, whole.stderr)
	}
	for _, s := range whole.steps {
		if !slices.Contains(r.steps, s) {
			r.steps = append(r.steps, s)
		}
	}
}

// everyFault returns the faults, without their step.
func everyFault() []fault {
	return []fault{
		{name: "kill", kill: true},
		{name: "ENOSPC", fail: syscall.ENOSPC},
		{name: "EIO", fail: syscall.EIO},
		{name: "a disk that stays full", fail: syscall.ENOSPC, stays: true},
		{name: "no more descriptors", fail: syscall.EMFILE, stays: true},
	}
}

// look is a step of a command that only looks, without its number.
type look struct {
	command string
	step    step
}

// allFaults reports whether nothing is left out: VIRTPKI_FAULTS=all.
func allFaults() bool { return os.Getenv("VIRTPKI_FAULTS") == "all" }

// thin drops the steps that look at one thing in the same way, except for the first and the last
// of them: a run decides twice, and looks many times. It also drops those that an earlier case of
// the same command has met.
func thin(steps []step, command string, met map[look]bool) []step {
	if allFaults() {
		return steps
	}
	last := make(map[look]int)
	for _, s := range steps {
		this := look{command, s.unnumbered()}
		last[this] = max(last[this], s.nth)
	}
	steps = slices.DeleteFunc(steps, func(s step) bool {
		this := look{command, s.unnumbered()}
		return !s.changes && s.own() && (met[this] || s.nth != 1 && s.nth != last[this])
	})
	for this := range last {
		met[this] = true
	}
	return steps
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
	if out, err := exec.Command("cp", "-a", r.before, folder).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(folder, "root")
}

// everywhere injects a fault into every step that it suits.
func (r *rig) everywhere(t *testing.T, f fault) {
	first := slices.IndexFunc(r.steps, func(s step) bool { return s.changes && s.call != "flock" && !isLock(s) })
	r.forEach(len(r.steps), func(i int) {
		f := f
		if f.at = r.steps[i]; f.suits(f.at, i > first) {
			t.Run(fmt.Sprintf("%d-%s", i, f.at.call), func(t *testing.T) { r.strike(t, f) })
		}
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

// strike runs the command with a fault, looks at the result, and lets the command finish. If the
// run failed and changed nothing, finishing would only repeat a run without a fault.
func (r *rig) strike(t *testing.T, f fault) {
	at := r.meet(t, f)
	r.runs.Add(1)
	defer func() {
		if t.Failed() {
			t.Logf("%s at step %d: %v", f.name, at.out.hit, f.at)
		}
	}()
	at.now = snap(t, at.root)
	at.stays = f.stays
	if !f.kill && !r.phases {
		at.checkRefused(t)
	}
	if at.before.diff(at.now) == "" && at.out.status != 0 {
		r.giveBack(at.root)
		return
	}
	defer os.RemoveAll(filepath.Dir(at.root))
	checkKeys(t, at.root)
	r.check(t, at)
	at.finish(t, r.again)
}

// meet runs the command with a fault until a run has the step.
func (r *rig) meet(t *testing.T, f fault) scene {
	t.Helper()
	for range tries {
		at := r.scene
		at.root = r.fresh(t)
		if at.out = r.injector.trace(t, at.root, r.command, f); at.out.hit >= 0 {
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
	checkKeys(t, at.root)
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
	return at.out.status == 0 && (at.out.met().call == "unlinkat" || strings.Contains(said, "the next run removes") || strings.Contains(said, "are not kept yet"))
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
	if at.out.met().call == "unlinkat" {
		now = now.withoutLeavings()
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
