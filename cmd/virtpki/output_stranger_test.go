package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"virtpki/internal/lab"
)

// outputCommand is a command that writes a file which the user names.
type outputCommand struct {
	name, flag string
	args       []string
}

// outputCommands prepares the files that the commands need, and returns the commands.
func outputCommands(t *testing.T, s *sharedScene) []outputCommand {
	t.Helper()
	request := filepath.Join(filepath.Dir(s.root), "request.pem")
	s.must(t, "request", "host", "hv1.example", "--out", request)
	return []outputCommand{
		{"request", "--out", []string{"request", "host", "hv1.example"}},
		{"sign", "--out", []string{"sign", request, "--yes", "--reuse"}},
		{"crl", "--out", []string{"crl", "--no-reload"}},
		{"generate cron", "--out", []string{"generate", "cron", "--binary", "/usr/bin/virtpki"}},
		{"generate cloud-init", "--out", []string{"generate", "cloud-init", "hv1.example", "--name", "Lab"}},
		{"renew", "--metrics", []string{"renew", "--no-reload"}},
	}
}

// fileOf returns the file that a command writes into the shared directory.
func (c outputCommand) fileOf(s *sharedScene) (file, value string) {
	if c.name == "generate cloud-init" {
		return filepath.Join(s.shared, "hv1.example.yaml"), s.shared
	}
	file = filepath.Join(s.shared, strings.ReplaceAll(c.name, " ", "-"))
	return file, file
}

// plant makes a file that everybody can write to, and keeps it open.
func plant(path, text string) *os.File {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil
	}
	file.Chmod(0o666)
	file.WriteString(text)
	return file
}

// A command must not write to a file that another user has made beforehand. With --force it
// replaces the file.
func TestOutputsNeverTakeOverAFile(t *testing.T) {
	s := newSharedScene(t)
	for _, c := range outputCommands(t, s) {
		path, value := c.fileOf(s)
		args := append(c.args, c.flag, value)
		s.must(t, args...)
		ours(t, path)
		written, err := os.ReadFile(path)
		noError(t, err)
		for _, text := range []string{"", string(written)} {
			noError(t, os.Remove(path))
			var held *os.File
			lab.As(lab.Someone, func() { held = plant(path, text) })
			if status, out := s.run(args...); status != 1 || !strings.Contains(out, "exists already, and virtpki did not write it: it belongs to another user") {
				t.Errorf("%s: exit status %d\n%s", c.name, status, out)
			}
			if status, out := s.run(append(args, "--force")...); status != 0 {
				t.Fatalf("%s --force: exit status %d\n%s", c.name, status, out)
			}
			ours(t, path)
			_, err := held.WriteString("evil")
			noError(t, err)
			if data, err := os.ReadFile(path); err != nil || bytes.Contains(data, []byte("evil")) {
				t.Errorf("%s: she has written into it: %v", c.name, err)
			}
			held.Close()
		}
	}
}

// Another user makes the file again and again, and writes into every file that is open. A command
// that succeeds must still leave only its own output.
func TestOutputsWinTheRace(t *testing.T) {
	s := newSharedScene(t)
	for _, c := range outputCommands(t, s) {
		path, value := c.fileOf(s)
		args := append(append([]string{}, c.args...), c.flag, value, "--force")
		stop := lab.Spin(t, lab.Someone, func() {
			if held := plant(path, "evil"); held != nil {
				held.WriteString("evil")
				held.Close()
			}
		})
		for range 5 {
			status, out := s.run(args...)
			if status != 0 {
				continue // the other user's file was in the way: nothing was written
			}
			info, err := os.Lstat(path)
			noError(t, err)
			data, err := os.ReadFile(path)
			noError(t, err)
			if info.Sys().(*syscall.Stat_t).Uid != 0 || info.Mode().Perm()&0o022 != 0 || bytes.Contains(data, []byte("evil")) {
				t.Errorf("%s: %v of user %d\n%s%s", c.name, info.Mode(), info.Sys().(*syscall.Stat_t).Uid, data, out)
			}
			noError(t, os.Remove(path))
		}
		stop()
	}
}
