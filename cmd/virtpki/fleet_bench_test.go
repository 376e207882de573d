package main

import (
	"context"
	"fmt"
	"io"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"virtpki/internal/batch"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/pki"
)

// benchFleet is a fleet with a CA in memory.
func benchFleet(b *testing.B, keyType pki.KeyType, format string) *fleet {
	b.Helper()
	e := newEnv()
	e.stdout, e.stderr = io.Discard, io.Discard
	root := b.TempDir()
	g := &globals{Machine: machine.New(), quiet: true}
	g.Root, g.Sysconfdir = root, "/etc"
	if status := run(b.Context(), e, []string{"ca", "init", "--root", root, "--name", "Bench", "--key-type", string(keyType), "-q"}); status != 0 {
		b.Fatalf("ca init: exit status %d", status)
	}
	o := &issueOptions{leafOptions: leafOptions{keyType: string(keyType), validity: "1y", target: "any", clientKeyMode: "0600"},
		fleetOptions: fleetOptions{format: format, jobs: 1}, layout: "system", out: filepath.Join(root, "out")}
	r, err := o.request("host", []string{"hv1"})
	if err != nil {
		b.Fatal(err)
	}
	f, err := e.newFleet(context.Background(), g, o, r)
	if err == nil {
		err = f.loadCA()
	}
	if err != nil {
		b.Fatal(err)
	}
	return f
}

func benchLine(i int) hostLine {
	return hostLine{number: i + 1, text: fmt.Sprintf("hv%d.lab.example 10.0.%d.%d", i, i>>8&255, i&255)}
}

// BenchmarkFleet measures the parts of a fleet, for each host: what it takes to check
// its line, to make its keys and certificates, to write its files, to put them into
// an archive, to commit them with 256 others, and to look at a bundle that is there.
func BenchmarkFleet(b *testing.B) {
	f := benchFleet(b, pki.EC256, "folder")
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
		list := &hostList{hosts: []hostLine{benchLine(0)}}
		f.o.out = w.Folder()
		for b.Loop() {
			if has, err := f.there(list); err != nil || !has[0] {
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
	f := benchFleet(b, pki.EC256, "folder")
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
		if infos, err := f.env.fleetCerts(f.g.Machine, w.Folder()); err != nil || len(infos) != 2000 {
			b.Fatal(len(infos), err)
		}
	}
}
