// Command fleet is the reference benchmark: a CA, and a server and a client
// certificate with a key of its own for each of 10 to 10,000 hosts, made by virtpki
// and by other tools in turn, in one run, on disk and synced; beside them the floor,
// which is the bare work. It prints tables in Markdown and draws a plot.
//
//	go -C bench build -o ../build/fleet ./fleet && build/fleet [flags]
//
// A tool is tried at the next larger fleet only when it would be done within a limit
// by what it has needed so far; nothing is extrapolated.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	virtpki, step, script string
	folder                string
	sizes, keyTypes, only string
	rounds                int
	limit                 time.Duration // for one run of a tool
	save, load, svg       string
}

func main() {
	o := options{}
	flag.StringVar(&o.virtpki, "virtpki", "build/virtpki", "the `binary` of virtpki")
	flag.StringVar(&o.step, "step", "build/bin/step", "the `binary` of step")
	flag.StringVar(&o.script, "tools", "bench/fleet-tool.sh", "the `script` that runs other tools")
	flag.StringVar(&o.folder, "dir", "build", "`directory` on the disk that is written to")
	flag.StringVar(&o.sizes, "sizes", "10,100,1000,10000", "`hosts` of the fleets")
	flag.StringVar(&o.keyTypes, "keys", "ec256,rsa3072", "`types` of the keys")
	flag.StringVar(&o.only, "only", "", "measure nothing but these `tools`, as the table names them, with ; between")
	flag.IntVar(&o.rounds, "rounds", 5, "how many `times` each is run at most; the median counts")
	flag.DurationVar(&o.limit, "limit", 60*time.Second, "how `long` one run, and all rounds of it, may take")
	flag.StringVar(&o.save, "save", "build/fleet.json", "`file` for the results")
	flag.StringVar(&o.load, "load", "", "print the results in a `file` instead of measuring")
	flag.StringVar(&o.svg, "svg", "", "draw a plot into a `file`")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if job := os.Getenv(floorEnv); job != "" {
		return runFloor(job)
	}
	var all results
	var err error
	if o.load != "" {
		all, err = loadResults(o.load)
	} else {
		all, err = measureAll(o)
	}
	if err != nil {
		return err
	}
	printTables(os.Stdout, all)
	if o.svg == "" {
		return nil
	}
	return os.WriteFile(o.svg, []byte(plot(all)), 0o644)
}

// measureAll runs everything and saves what it finds.
func measureAll(o options) (results, error) {
	work, err := os.MkdirTemp(o.folder, "fleet-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	if work, err = filepath.Abs(work); err != nil {
		return nil, err
	}
	var all results
	for _, keyType := range strings.Split(o.keyTypes, ",") {
		b := &bench{options: o, work: work, keyType: keyType}
		if err := b.findTools(); err != nil {
			return nil, err
		}
		for _, size := range strings.Split(o.sizes, ",") {
			hosts, err := strconv.Atoi(size)
			if err != nil || hosts < 1 {
				return nil, fmt.Errorf("bad number of hosts %q", size)
			}
			if err := b.measure(hosts); err != nil {
				return nil, err
			}
		}
		all = append(all, b.found...)
	}
	return all, all.save(o.save)
}
