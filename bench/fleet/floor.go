package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// The floor is the work that nobody can leave out: a key and a signature for each
// certificate, on all processors, and the files, as many and as large as those of
// virtpki, in as many folders, with one sync of the file system at the end. It runs
// in a process of its own, so that it is measured like the others.

// floorEnv names the variable that holds a floorJob in JSON.
const floorEnv = "FLEET_FLOOR"

// floorJob is what a floor process has to do.
type floorJob struct {
	Part    string // crypto, files or both
	KeyType string
	Hosts   int
	Dir     string
	PerHost []item // those of each host
}

// item is a file or a folder that virtpki has written.
type item struct {
	Path string // relative; %d in it stands for the host
	Dir  bool
	Size int64
	Mode fs.FileMode
}

func (b *bench) floorCommand(part string) func(hosts, dir string) *exec.Cmd {
	return func(hosts, dir string) *exec.Cmd {
		job := floorJob{Part: part, KeyType: b.keyType, Dir: dir}
		fmt.Sscanf(filepath.Base(hosts), "hosts-%d", &job.Hosts)
		job.PerHost = b.itemsOfHost()
		data, _ := json.Marshal(job)
		self, _ := os.Executable()
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), floorEnv+"="+string(data))
		return cmd
	}
}

// itemsOfHost looks at what the last run of virtpki has written for its first host:
// the bundle, and the two records.
func (b *bench) itemsOfHost() []item {
	var items []item
	top := filepath.Join(b.lastTree, "out", "hv0.lab.example")
	filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(top, path)
		items = append(items, item{filepath.Join("out/hv%d.lab.example", rel), info.IsDir(), info.Size(), info.Mode().Perm()})
		return nil
	})
	for _, it := range items {
		if name := filepath.Base(it.Path); name == "servercert.pem" || name == "clientcert.pem" {
			items = append(items, item{"newcerts/%d-" + name, false, it.Size, it.Mode})
		}
	}
	return items
}

func runFloor(text string) error {
	var job floorJob
	if err := json.Unmarshal([]byte(text), &job); err != nil {
		return err
	}
	for _, folder := range []string{job.Dir, job.Dir + "/out", job.Dir + "/newcerts"} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			return err
		}
	}
	ca, err := newKey(job.KeyType)
	if err != nil {
		return err
	}
	var next atomic.Int64
	var group sync.WaitGroup
	errs := make(chan error, runtime.GOMAXPROCS(0))
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() { errs <- job.work(ca, &next) })
	}
	group.Wait()
	for range cap(errs) {
		if err := <-errs; err != nil {
			return err
		}
	}
	if job.Part == "crypto" {
		return nil
	}
	return syncFileSystem(job.Dir)
}

// work makes hosts until there are none left.
func (j *floorJob) work(ca crypto.Signer, next *atomic.Int64) error {
	data := make([]byte, 1<<20)
	for {
		host := int(next.Add(1)) - 1
		if host >= j.Hosts {
			return nil
		}
		if j.Part != "files" {
			for range 2 {
				if err := keyAndSignature(j.KeyType, ca); err != nil {
					return err
				}
			}
		}
		if j.Part != "crypto" {
			if err := j.write(host, data); err != nil {
				return err
			}
		}
	}
}

func keyAndSignature(keyType string, ca crypto.Signer) error {
	key, err := newKey(keyType)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(fmt.Append(nil, key.Public()))
	_, err = ca.Sign(rand.Reader, digest[:], crypto.SHA256)
	return err
}

func newKey(keyType string) (crypto.Signer, error) {
	switch keyType {
	case "ec256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "rsa3072":
		return rsa.GenerateKey(rand.Reader, 3072)
	}
	return nil, fmt.Errorf("unknown key type %q", keyType)
}

// write writes the files of a host, with nothing around the system's calls.
func (j *floorJob) write(host int, data []byte) error {
	for _, it := range j.PerHost {
		path := filepath.Join(j.Dir, fmt.Sprintf(it.Path, host))
		if it.Dir {
			if err := unix.Mkdir(path, uint32(it.Mode)); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			continue
		}
		fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, uint32(it.Mode))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if _, err := unix.Write(fd, data[:min(it.Size, int64(len(data)))]); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := unix.Close(fd); err != nil {
			return err
		}
	}
	return nil
}

// syncFileSystem is one sync of what the folder lies on, with the program that every
// system has.
func syncFileSystem(folder string) error {
	if err := exec.Command("sync", "-f", folder).Run(); err != nil {
		syscall.Sync()
	}
	return nil
}
