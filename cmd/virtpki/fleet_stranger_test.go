package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"virtpki/internal/lab"
	"virtpki/internal/libvirt"
)

// The staging directories of fleets once had names that everybody could know.
var formerStaging = []string{".virtpki-fleet.tmp", ".virtpki-fleet.tar.tmp"}

// sharedScene is a CA, and a directory beside it in which every user can make files.
type sharedScene struct {
	root, shared string
	records      []string // of certificates that the CA has signed before
}

func newSharedScene(t *testing.T) *sharedScene {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to have somebody else")
	}
	base := t.TempDir()
	s := &sharedScene{root: filepath.Join(base, "root"), shared: filepath.Join(base, "shared")}
	noError(t, os.Chmod(filepath.Dir(base), 0o755))
	noError(t, os.Mkdir(s.shared, 0o755))
	noError(t, os.Chmod(s.shared, 0o777|os.ModeSticky))
	noError(t, os.WriteFile(filepath.Join(base, "hosts"), []byte("hv1.example\nhv2.example\nhv3.example\n"), 0o644))
	s.must(t, "ca", "init", "--name", "Example Org")
	s.must(t, "issue", "client", "admin", "--out", filepath.Join(base, "before"))
	var err error
	s.records, err = filepath.Glob(libvirt.Records(s.ca()) + "/*.pem")
	noError(t, err)
	return s
}

func (s *sharedScene) ca() string { return s.root + "/etc/pki/CA" }

// run runs a command and returns its status and all its output.
func (s *sharedScene) run(args ...string) (int, string) {
	var out bytes.Buffer
	e := newEnv()
	e.stdout, e.stderr = &out, &out
	status := run(context.Background(), e, append(args, "--root", s.root))
	return status, out.String()
}

func (s *sharedScene) must(t *testing.T, args ...string) {
	t.Helper()
	if status, out := s.run(args...); status != 0 {
		t.Fatalf("virtpki %s: exit status %d\n%s", strings.Join(args, " "), status, out)
	}
}

// issue makes the fleet in the shared directory.
func (s *sharedScene) issue(form fleetForm, out string) (int, string) {
	args := []string{"issue", "host", "--hosts", filepath.Join(s.root, "../hosts"), "--out", out}
	return s.run(append(args, form.flags...)...)
}

// kept checks that the CA still has the records of earlier certificates.
func (s *sharedScene) kept(t *testing.T) {
	t.Helper()
	for _, path := range s.records {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("the CA has forgotten what it has signed: %v", err)
		}
	}
}

// ours checks that a file or directory, and everything below it, belongs to root.
func ours(t *testing.T, path string) {
	t.Helper()
	noError(t, filepath.WalkDir(path, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && (info.Sys().(*syscall.Stat_t).Uid != 0 || info.Mode().Perm()&0o022 != 0) {
			t.Errorf("%s: %v, of user %d", path, info.Mode(), info.Sys().(*syscall.Stat_t).Uid)
		}
		return err
	}))
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// whole checks that a fleet belongs to root, with the CA's certificate in each bundle.
func (s *sharedScene) whole(t *testing.T, form fleetForm, out string) {
	t.Helper()
	ca, err := os.ReadFile(s.ca() + "/cacert.pem")
	noError(t, err)
	for _, name := range []string{"hv1.example", "hv2.example", "hv3.example"} {
		file := name
		if form.name == "archives" {
			file += ".tar"
		}
		if form.out == "out" {
			ours(t, filepath.Join(out, file))
		} else {
			ours(t, out)
		}
		data, err := form.open(t, out, file)(form.shape.Path(libvirt.CACert))
		noError(t, err)
		if !bytes.Equal(data, ca) {
			t.Errorf("%s has the certificate of another CA", name)
		}
	}
	s.kept(t)
}

// outOf returns the path of a form of the fleet in a directory.
func (s *sharedScene) outOf(form fleetForm) string {
	if form.out == "out" {
		return s.shared
	}
	return filepath.Join(s.shared, "fleet.tar")
}

// Another user makes the staging directory and the staged files beforehand, and keeps them open.
// No key may be written into them.
func TestFleetLeavesPlantedStagingAlone(t *testing.T) {
	for _, form := range fleetForms {
		t.Run(form.name, func(t *testing.T) {
			s := newSharedScene(t)
			var open []*os.File
			lab.As(lab.Someone, func() {
				for _, name := range formerStaging {
					staging := filepath.Join(s.shared, name)
					noError(t, os.Mkdir(staging, 0o777))
					noError(t, os.Chmod(staging, 0o777))
					for _, name := range []string{"fleet.tar", "hv1.example", "hv1.example.tar"} {
						file, err := os.OpenFile(filepath.Join(staging, name), os.O_RDWR|os.O_CREATE, 0o666)
						noError(t, err)
						noError(t, file.Chmod(0o666))
						open = append(open, file)
					}
				}
			})
			if status, out := s.issue(form, s.outOf(form)); status != 0 {
				t.Fatalf("exit status %d\n%s", status, out)
			}
			s.whole(t, form, s.outOf(form))
			for _, file := range open {
				if info, err := file.Stat(); err != nil || info.Size() > 0 {
					t.Errorf("%s: %d bytes, %v", file.Name(), info.Size(), err)
				}
				file.Close()
			}
		})
	}
}

// Another user stages files with certificates of the CA. The CA must not forget any of them.
func TestFleetForgetsNothingForAStranger(t *testing.T) {
	for _, form := range fleetForms {
		t.Run(form.name, func(t *testing.T) {
			s := newSharedScene(t)
			var certs []byte
			for _, path := range s.records {
				data, err := os.ReadFile(path)
				noError(t, err)
				certs = append(certs, data...)
			}
			lab.As(lab.Someone, func() {
				for _, name := range formerStaging {
					stageForeign(t, filepath.Join(s.shared, name), certs)
				}
			})
			s.issue(form, s.outOf(form))
			s.kept(t)
		})
	}
}

// stageForeign fills a staging directory with certificates, in each of the forms: a bundle that is
// not whole, and an archive.
func stageForeign(t *testing.T, staging string, certs []byte) {
	t.Helper()
	bundle := filepath.Join(staging, "hv1.example")
	noError(t, os.MkdirAll(bundle, 0o755))
	noError(t, os.WriteFile(filepath.Join(bundle, "clientcert.pem"), certs, 0o644))
	noError(t, os.WriteFile(filepath.Join(bundle, "torn.pem"), []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 0o644))
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	noError(t, w.WriteHeader(&tar.Header{Name: "evil/clientcert.pem", Mode: 0o644, Size: int64(len(certs))}))
	_, err := w.Write(certs)
	noError(t, errors.Join(err, w.Close()))
	noError(t, os.WriteFile(filepath.Join(staging, "fleet.tar"), archive.Bytes(), 0o644))
}

// A link in the place of the staging directory must not be followed.
func TestFleetFollowsNoPlantedLink(t *testing.T) {
	for _, form := range fleetForms {
		t.Run(form.name, func(t *testing.T) {
			s := newSharedScene(t)
			lab.As(lab.Someone, func() {
				for _, name := range formerStaging {
					noError(t, os.Symlink(filepath.Join(s.root, "etc/pki"), filepath.Join(s.shared, name)))
				}
			})
			if status, out := s.issue(form, s.outOf(form)); status != 0 {
				t.Fatalf("exit status %d\n%s", status, out)
			}
			s.whole(t, form, s.outOf(form))
		})
	}
}

// Another user makes staging directories as fast as possible, and exchanges all files that appear
// in any of them.
func TestFleetWinsTheRace(t *testing.T) {
	form := fleetForms[0]
	s := newSharedScene(t)
	evil := filepath.Join(filepath.Dir(s.root), "evil")
	stop := lab.Spin(t, lab.Someone, func() { exchangeStaged(s.shared, evil) })
	for range 10 {
		if status, out := s.issue(form, s.shared); status != 0 {
			t.Errorf("exit status %d\n%s", status, out)
			break
		}
		s.whole(t, form, s.shared)
		for _, name := range []string{"hv1.example", "hv2.example", "hv3.example"} {
			noError(t, os.RemoveAll(filepath.Join(s.shared, name)))
		}
	}
	stop()
}

// exchangeStaged makes a staging directory first. Then it replaces a bundle in any staging
// directory with one of its own.
func exchangeStaged(shared, evil string) {
	os.Mkdir(filepath.Join(shared, ".virtpki-fleet.tmp"), 0o777)
	found, _ := filepath.Glob(shared + "/.virtpki-*.tmp")
	for _, staging := range found {
		if os.Rename(staging+"/hv1.example", staging+"/stolen") == nil {
			os.MkdirAll(staging+"/hv1.example/etc/pki/CA", 0o755)
			os.WriteFile(staging+"/hv1.example/etc/pki/CA/cacert.pem", []byte("evil"), 0o644)
		}
	}
}

// A bundle or an archive that another user has put there must not be taken for that of an earlier
// run. A FIFO must not keep the run waiting.
func TestFleetRefusesWhatAStrangerMade(t *testing.T) {
	for _, form := range fleetForms {
		t.Run(form.name, func(t *testing.T) {
			s := newSharedScene(t)
			planted := map[string]string{"folders": "hv1.example", "archives": "hv1.example.tar", "one archive": "fleet.tar"}[form.name]
			lab.As(lab.Someone, func() { noError(t, syscall.Mkfifo(filepath.Join(s.shared, planted), 0o666)) })
			status, out := s.issue(form, s.outOf(form))
			if status != 1 || !strings.Contains(out, "belongs to another user (uid 12345), who could have written it\n") || !strings.Contains(out, "hint: remove it") {
				t.Errorf("exit status %d\n%s", status, out)
			}
			s.kept(t)
		})
	}
}

// No keys may go into a directory in which others can exchange the files.
func TestFleetRefusesADirectoryOfOthers(t *testing.T) {
	for _, form := range fleetForms {
		t.Run(form.name, func(t *testing.T) {
			s := newSharedScene(t)
			noError(t, os.Chown(s.shared, lab.Someone, lab.Someone))
			if status, out := s.issue(form, s.outOf(form)); status != 1 || !strings.Contains(out, "belongs to another user") {
				t.Errorf("exit status %d\n%s", status, out)
			}
			noError(t, os.Chown(s.shared, 0, 0))
			noError(t, os.Chmod(s.shared, 0o777))
			if status, out := s.issue(form, s.outOf(form)); status != 1 || !strings.Contains(out, "can be written by every user") {
				t.Errorf("exit status %d\n%s", status, out)
			}
			entries, err := os.ReadDir(s.shared)
			noError(t, err)
			if len(entries) > 0 {
				t.Errorf("left there: %v", entries)
			}
			s.kept(t)
		})
	}
}
