package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// sample is what one run has cost.
type sample struct {
	Wall float64 `json:"wall"` // seconds
	CPU  float64 `json:"cpu"`  // seconds, of all processes
	Peak int64   `json:"peak"` // bytes, of the largest process
}

// result is what a tool has cost at one size.
type result struct {
	Tool    string   `json:"tool"`
	KeyType string   `json:"key_type"`
	Hosts   int      `json:"hosts"`
	Samples []sample `json:"samples"`
}

type results []result

func (r results) save(path string) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil || path == "" {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

func loadResults(path string) (results, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r results
	return r, json.Unmarshal(data, &r)
}

// find is the median sample of a tool at a size; false when it was not measured.
func (r results) find(tool, keyType string, hosts int) (sample, bool) {
	for _, x := range r {
		if x.Tool == tool && x.KeyType == keyType && x.Hosts == hosts && len(x.Samples) > 0 {
			return median(x.Samples), true
		}
	}
	return sample{}, false
}

// median takes that of each figure on its own.
func median(samples []sample) sample {
	middle := func(figure func(sample) float64) float64 {
		figures := make([]float64, len(samples))
		for i, s := range samples {
			figures[i] = figure(s)
		}
		slices.Sort(figures)
		return figures[(len(figures)-1)/2]
	}
	return sample{
		Wall: middle(func(s sample) float64 { return s.Wall }),
		CPU:  middle(func(s sample) float64 { return s.CPU }),
		Peak: int64(middle(func(s sample) float64 { return float64(s.Peak) })),
	}
}

// tool is something that makes a fleet: its command, given the list of the hosts and
// the folder that is to hold everything.
type tool struct {
	name    string
	command func(hosts, dir string) *exec.Cmd
	per     float64 // seconds a host, at the size before
	spent   float64 // seconds, at this size
}

// bench measures one type of key.
type bench struct {
	options
	work     string
	keyType  string
	tools    []*tool
	found    results
	runs     int
	lastTree string // of virtpki
}

// findTools lists what can be had here. virtpki comes first: the floor writes files
// of the sizes that it has written.
func (b *bench) findTools() error {
	if _, err := os.Stat(b.virtpki); err != nil {
		return fmt.Errorf("%w (make build)", err)
	}
	b.tools = []*tool{
		{name: "virtpki", command: b.virtpkiCommand},
		{name: "floor", command: b.floorCommand("both")},
		{name: "floor: keys, signatures", command: b.floorCommand("crypto")},
		{name: "floor: files", command: b.floorCommand("files")},
	}
	needs := []struct{ name, file string }{
		{"certtool", "certtool"}, {"openssl", "openssl"}, {"easy-rsa", "/usr/share/easy-rsa/easyrsa"}, {"cfssl", "cfssl"}, {"step", b.step},
	}
	for _, need := range needs {
		if _, err := exec.LookPath(need.file); err != nil {
			fmt.Fprintf(os.Stderr, "fleet: no %s here\n", need.name)
			continue
		}
		b.tools = append(b.tools, &tool{name: need.name, command: b.scriptCommand(need.name, "1")})
		if need.name == "certtool" {
			b.tools = append(b.tools, &tool{name: "certtool, 2 at once", command: b.scriptCommand(need.name, "2")})
		}
	}
	if b.only != "" {
		b.tools = slices.DeleteFunc(b.tools, func(t *tool) bool { return !slices.Contains(strings.Split(b.only, ";"), t.name) })
	}
	return nil
}

func (b *bench) virtpkiCommand(hosts, dir string) *exec.Cmd {
	const both = `"$0" ca init --root "$1" --name Bench --key-type "$2" -q && "$0" issue host --hosts "$3" --out "$1/out" --root "$1" --key-type "$2" -q`
	return exec.Command("sh", "-c", both, b.virtpki, dir, b.keyType, hosts)
}

func (b *bench) scriptCommand(name, jobs string) func(hosts, dir string) *exec.Cmd {
	return func(hosts, dir string) *exec.Cmd {
		cmd := exec.Command(b.script, name, b.keyType, hosts, dir)
		step, _ := filepath.Abs(b.step)
		cmd.Env = append(os.Environ(), "STEP="+step, "JOBS="+jobs)
		return cmd
	}
}

// measure runs every tool at one size, in turn, as many times as the limit allows.
func (b *bench) measure(hosts int) error {
	list, err := b.list(hosts)
	if err != nil {
		return err
	}
	samples := make(map[string][]sample)
	for _, t := range b.tools {
		t.spent = 0
	}
	for range min(b.rounds, max(2, 20_000/hosts)) { // a tree of 10,000 hosts has 130,000 files
		for _, t := range b.tools {
			if t.spent+t.per*float64(hosts) > b.limit.Seconds() {
				continue
			}
			s, err := b.once(t, list)
			if err != nil {
				return fmt.Errorf("%s, %s, %d hosts: %w", t.name, b.keyType, hosts, err)
			}
			samples[t.name] = append(samples[t.name], s)
			t.per, t.spent = s.Wall/float64(hosts), t.spent+s.Wall
			fmt.Fprintf(os.Stderr, "%-24s %-8s %6d hosts %9.2f s %9.2f s cpu %6.1f MB\n", t.name, b.keyType, hosts, s.Wall, s.CPU, float64(s.Peak)/1e6)
		}
	}
	for _, t := range b.tools {
		b.found = append(b.found, result{t.name, b.keyType, hosts, samples[t.name]})
	}
	return nil
}

// list writes the list of the hosts.
func (b *bench) list(hosts int) (string, error) {
	var text strings.Builder
	for i := range hosts {
		fmt.Fprintf(&text, "hv%d.lab.example 10.%d.%d.%d\n", i, i>>16, i>>8&255, i&255)
	}
	path := filepath.Join(b.work, fmt.Sprintf("hosts-%d", hosts))
	return path, os.WriteFile(path, []byte(text.String()), 0o644)
}

// once runs a tool in a new folder. Nothing is removed while the rest is measured:
// the file system would still be busy with that.
func (b *bench) once(t *tool, list string) (sample, error) {
	b.runs++
	dir := filepath.Join(b.work, fmt.Sprintf("%s-%03d", b.keyType, b.runs))
	syscall.Sync()
	cmd := t.command(list, dir)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil {
		return sample{}, fmt.Errorf("%w\n%s", err, output.Bytes())
	}
	if t.name == "virtpki" {
		b.lastTree = dir
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return sample{Wall: wall.Seconds(), CPU: cpu.Seconds(), Peak: usage.Maxrss * 1024}, nil
}
