package fleet

import (
	"fmt"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/batch"
	"virtpki/internal/change"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// benchFleet is a fleet with a new CA.
func benchFleet(b *testing.B) *fleet {
	b.Helper()
	m := machine.New()
	m.Root, m.Sysconfdir = b.TempDir(), "/etc"
	raw, err := subject.ForCA("Bench")
	if err != nil {
		b.Fatal(err)
	}
	keys := change.NewKeyring(m.Tree(), nil)
	_, err = change.Run(b.Context(), m, change.Options{Track: change.NewTracker()}, func(j *change.Job) error {
		_, err := authority.Make(j, m, keys, authority.Spec{RawSubject: raw, KeyType: pki.EC256, Validity: 1000 * time.Hour})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	f := newFleet(m, Request{Roles: subject.Host.Roles(), Leaf: authority.Leaf{KeyType: pki.EC256, Validity: 100 * time.Hour},
		Identities: func(name string, sans []string) ([]subject.Identity, error) {
			names, err := m.ServerNames(name, sans, false, false, nil)
			return []subject.Identity{{Role: pki.Server, Name: name, Names: names}, {Role: pki.Client, Name: name}}, err
		},
		Out: filepath.Join(m.Root, "out"), ClientKey: 0o600, Workers: 1, Progress: func(Count) {}}, keys)
	if err := f.loadCA(); err != nil {
		b.Fatal(err)
	}
	return f
}

func benchLine(i int) hostLine {
	return hostLine{number: i + 1, text: fmt.Sprintf("hv%d.lab.example 10.0.%d.%d", i, i>>8&255, i&255)}
}

// BenchmarkFleet measures the steps of a fleet, for each host: checking its line, making its
// keys and certificates, writing its files, putting them into an archive, committing them with
// 256 others, and reading an existing bundle.
func BenchmarkFleet(b *testing.B) {
	f := benchFleet(b)
	m, err := f.makeHost(benchLine(0))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("check", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if err := f.checkLine(benchLine(i), pki.Permit{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("make", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, err := f.makeHost(benchLine(i)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("archive", func(b *testing.B) {
		for b.Loop() {
			if _, err := f.shape.archive(m.bundle, time.Now()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("stage", func(b *testing.B) { benchStage(b, f, m, false) })
	b.Run("stage and commit", func(b *testing.B) { benchStage(b, f, m, true) })
	b.Run("there", func(b *testing.B) {
		w := benchStore(b, f)
		if err := w.Stage(m.bundle); err != nil {
			b.Fatal(err)
		}
		if err := w.Commit([]batch.Made{{Name: m.bundle.Name}}); err != nil {
			b.Fatal(err)
		}
		list := &Hosts{hosts: []hostLine{benchLine(0)}}
		f.r.Out = w.Folder()
		for b.Loop() {
			if has, err := f.there(b.Context(), list); err != nil || !has[0] {
				b.Fatal(has, err)
			}
		}
	})
}

func benchStore(b *testing.B, f *fleet) *batch.Writer {
	b.Helper()
	w, err := batch.Open(store.Tree{}, b.TempDir(), fleetName, b.TempDir(), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { w.Close() })
	if err := w.Begin(); err != nil {
		b.Fatal(err)
	}
	return w
}

// benchStage writes the same bundle under many names.
func benchStage(b *testing.B, f *fleet, m made, commit bool) {
	w := benchStore(b, f)
	defer w.Drop()
	var all []batch.Made
	flush := func() {
		if err := w.Commit(all); err != nil {
			b.Fatal(err)
		}
		all = nil
	}
	for i := 0; b.Loop(); i++ {
		bundle := m.bundle
		bundle.Name = fmt.Sprint("hv", i)
		if err := w.Stage(bundle); err != nil {
			b.Fatal(err)
		}
		if !commit {
			continue
		}
		var records []batch.Record
		for j, r := range m.records {
			r.Serial = big.NewInt(int64(2*i + j))
			records = append(records, r)
		}
		all = append(all, batch.Made{Name: bundle.Name, Records: records})
		if len(all) == batchHosts {
			flush()
		}
	}
	if commit {
		flush()
	}
}

// BenchmarkListFleet reads a fleet of 1,000 bundles.
func BenchmarkListFleet(b *testing.B) {
	f := benchFleet(b)
	w := benchStore(b, f)
	var all []batch.Made
	for i := range 1000 {
		m, err := f.makeHost(benchLine(i))
		if err == nil {
			err = w.Stage(m.bundle)
		}
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, batch.Made{Name: m.bundle.Name})
	}
	if err := w.Commit(all); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if infos, err := Read(f.m, w.Folder()); err != nil || len(infos) != 2000 {
			b.Fatal(len(infos), err)
		}
	}
}
