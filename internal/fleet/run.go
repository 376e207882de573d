package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"virtpki/internal/batch"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

// How many bundles are committed at once, and how many may wait for it: enough to make a sync
// of the file system cheap, and few enough that a kill does not cost much. The first batches
// are small and each is twice the one before, so that a fault shows early.
const (
	firstBatch = 16
	batchHosts = 256
	batchTime  = 2 * time.Second
)

// errCAChanged is the error if another run has changed the CA meanwhile.
var errCAChanged = errors.New("the CA changed during the run")

// makeBundles makes a bundle for each host that does not have one.
func (f *fleet) makeBundles(ctx context.Context, list *Hosts) (*Report, error) {
	has, err := f.there(ctx, list)
	if err != nil {
		return nil, err
	}
	f.tally.start(len(list.hosts), has)
	if f.r.DryRun {
		return f.dryReport(list, has)
	}
	if f.tally.Left() == 0 && !f.interrupted(f.r.Out, fleetName) {
		return f.report(), nil
	}
	lock, err := f.lockOut(ctx, f.r.Out)
	if err != nil {
		return nil, err
	}
	defer lock.Release()
	return f.end(f.untilUnchanged(ctx, list))
}

// fleetName tells the files staged for bundles from those staged for one archive.
const fleetName = "fleet"

// lockOut makes the directory that gets the bundles, and locks it.
func (f *fleet) lockOut(ctx context.Context, folder string) (*store.Lock, error) {
	if info, err := os.Stat(folder); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("--out: %s is there and is not a directory", folder)
	}
	lock, err := change.Lock(ctx, f.m, folder)
	if err != nil {
		return nil, err
	}
	var plan store.Plan
	plan.In(f.m.Tree())
	plan.Adopt(lock)
	if err := hint.First(plan.Parents(folder, 0o755, machine.Owner()), f.r.Track.Apply(&plan)); err != nil {
		lock.Release()
		return nil, err
	}
	f.holdsCA = sameFolder(folder, f.m.CAPath())
	return lock, nil
}

// sameFolder reports whether two paths lead to one directory.
func sameFolder(a, b string) bool {
	infoA, err1 := os.Stat(a)
	infoB, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(infoA, infoB)
}

// withCA calls do under the lock of the CA. The lock is held for moments only: a revocation
// must not wait for the end of a fleet.
func (f *fleet) withCA(ctx context.Context, do func() error) error {
	if f.holdsCA {
		return do()
	}
	folder := f.m.CAPath()
	lock, err := change.Lock(ctx, f.m, folder)
	if err != nil && ctx.Err() != nil {
		return hint.ErrInterrupted
	}
	if err != nil {
		return err
	}
	defer lock.Release()
	return do()
}

// untilUnchanged makes the bundles. When another run has changed the CA meanwhile, it begins
// again with the remaining ones, so that they contain the CRL and the CA certificates published
// since.
func (f *fleet) untilUnchanged(ctx context.Context, list *Hosts) error {
	for {
		err := f.makeMissing(ctx, list)
		if !errors.Is(err, errCAChanged) {
			return err
		}
		if err := hint.First(f.loadCA(), f.check(list)); err != nil {
			return err
		}
	}
}

// makeMissing finishes the work of a killed run, and makes the missing bundles.
func (f *fleet) makeMissing(ctx context.Context, list *Hosts) error {
	w, err := f.open(ctx, f.r.Out, fleetName)
	if err != nil {
		return err
	}
	defer w.Close()
	defer w.Drop()
	if err := f.recover(ctx, w); err != nil {
		return err
	}
	has, err := f.there(ctx, list)
	if err != nil {
		return err
	}
	f.tally.start(len(list.hosts), has)
	var missing []hostLine
	for i, h := range list.hosts {
		if !has[i] {
			missing = append(missing, h)
		}
	}
	return f.makeAll(ctx, w, list, missing)
}

// open prepares to write, with the CA's directory of records.
func (f *fleet) open(ctx context.Context, out, name string) (*batch.Writer, error) {
	records := libvirt.Records(f.m.CAPath())
	err := f.withCA(ctx, func() error {
		var plan store.Plan
		plan.In(f.m.Tree())
		to := keypair.Dest{Layout: f.a.Layout, Owner: machine.Owner()}
		return hint.First(to.Folders(&plan, filepath.Join(records, "any")), f.r.Track.Apply(&plan))
	})
	if err != nil {
		return nil, err
	}
	return batch.Open(f.m.Tree(), out, name, records, machine.Owner())
}

// interrupted reports whether a killed run has left something to finish or to sweep.
func (f *fleet) interrupted(out, name string) bool {
	return f.unfinished(out, name) || f.m.Tree().Interrupted(out, f.m.CAPath())
}

// unfinished reports whether a killed run of this CA has left something staged.
func (f *fleet) unfinished(out, name string) bool {
	return batch.Unfinished(f.m.Tree(), out, name, libvirt.Records(f.m.CAPath()))
}

func (f *fleet) recover(ctx context.Context, w *batch.Writer) error {
	if !f.unfinished(f.r.Out, fleetName) {
		return nil
	}
	return f.withCA(ctx, w.Recover)
}

// makeAll makes bundles and commits them batch by batch.
func (f *fleet) makeAll(ctx context.Context, w *batch.Writer, list *Hosts, hosts []hostLine) error {
	if len(hosts) == 0 {
		return nil
	}
	if err := f.withCA(ctx, w.Begin); err != nil {
		return err
	}
	apply := func(ready []made) error {
		return f.r.Track.Make(func() error { return w.Commit(madeOf(ready)) })
	}
	return f.inBatches(ctx, hosts, apply, func(h hostLine) (made, error) {
		m, err := f.makeHost(h)
		if err == nil && f.r.Tar {
			m.bundle, err = f.shape.archive(m.bundle, f.m.Now())
		}
		if err == nil {
			err = w.Stage(m.bundle)
		}
		m.bundle.Pieces = nil
		return m, list.at(h, err)
	})
}

// inBatches makes hosts on all processors and applies them in batches, in the order of the
// list. An interrupted run applies the hosts that it has made.
func (f *fleet) inBatches(ctx context.Context, hosts []hostLine, apply func([]made) error, work func(hostLine) (made, error)) error {
	return f.r.Track.Make(func() error {
		b := gatherer{f: f, apply: apply, enough: firstBatch}
		f.tellProgress()
		err := inOrder(ctx, len(hosts), lanes{f.r.Workers, batchHosts}, func(i int) (made, error) { return work(hosts[i]) },
			func(_ int, m made) error {
				defer f.tellProgress()
				return b.add(ctx, m)
			})
		if err == nil || errors.Is(err, hint.ErrInterrupted) {
			err = hint.First(b.commit(ctx), err)
		}
		return err
	})
}

// gatherer gathers the bundles that are committed at once.
type gatherer struct {
	f      *fleet
	apply  func([]made) error
	made   []made
	enough int
	since  time.Time
}

// add takes a bundle in, and commits when there are enough.
func (b *gatherer) add(ctx context.Context, m made) error {
	if len(b.made) == 0 {
		b.since = time.Now()
	}
	b.made = append(b.made, m)
	if len(b.made) < b.enough && time.Since(b.since) < batchTime {
		return nil
	}
	return b.commit(ctx)
}

// commit makes the batch last, unless the CA has changed since it was read.
func (b *gatherer) commit(ctx context.Context) error {
	if len(b.made) == 0 {
		return nil
	}
	err := b.f.withCA(ctx, func() error {
		if b.f.caStamp() != b.f.stamp {
			return errCAChanged
		}
		return b.apply(b.made)
	})
	if err == nil {
		b.f.tally.Made += len(b.made)
		b.enough = min(2*b.enough, batchHosts)
		clear(b.made)
		b.made = b.made[:0]
	}
	return err
}

// madeOf are the bundles of a batch, with their records.
func madeOf(ready []made) []batch.Made {
	all := make([]batch.Made, len(ready))
	for i, m := range ready {
		all[i] = batch.Made{Name: m.bundle.Name, Records: m.records}
	}
	return all
}

// end reports the outcome. The finished bundles stay, and the same command resumes the run.
func (f *fleet) end(err error) (*Report, error) {
	if err == nil {
		return f.report(), nil
	}
	if _, hinted := hint.Of(err); hinted || f.tally.Made+f.tally.There == 0 {
		return nil, err
	}
	return nil, hint.With(err, "%d of %s are made: repeat the command to resume", f.tally.Made+f.tally.There,
		termtext.Count(f.tally.Total, "bundle", "bundles"))
}
