package judge

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
)

const qemuID, otherID = 64055, 1000

// TestQEMUFolderFixes runs the proposed fixes for one of QEMU's directories, with every owner,
// group and mode: if QEMU's user could read its key before, it can afterwards.
func TestQEMUFolderFixes(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to give files away")
	}
	user, err := libvirt.FindQEMUUser(&conf.File{}, []byte("libvirt-qemu:x:64055:64055::/:/bin/false\n"), []byte("libvirt-qemu:x:64055:\n"))
	if err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	if err := os.Chmod(filepath.Dir(base), 0o755); err != nil {
		t.Fatal(err)
	}
	layout := libvirt.QEMUFolder(filepath.Join(base, "qemu"))
	typed := 0
	for _, uid := range []int{0, qemuID, otherID} {
		for _, gid := range []int{0, qemuID, otherID} {
			for _, folder := range []fs.FileMode{0o700, 0o750, 0o755, 0o770, 0o777, 0o711} {
				for _, key := range []fs.FileMode{0o400, 0o600, 0o640, 0o644, 0o660, 0o666} {
					q := qemuFolder{t, layout, user}
					q.make(uid, gid, folder, key)
					before := q.reads()
					typed += q.fix()
					if before && !q.reads() {
						t.Errorf("%d:%d %o, key %o: QEMU cannot read it any more", uid, gid, folder, key)
					}
					if left := q.findings(); len(left) > 0 && before {
						t.Errorf("%d:%d %o, key %o: after the fixes: %+v", uid, gid, folder, key, left)
					}
				}
			}
		}
	}
	if typed < 100 {
		t.Errorf("only %d fixes were typed", typed)
	}
}

// qemuFolder is a directory with a key of QEMU's.
type qemuFolder struct {
	*testing.T
	layout libvirt.Layout
	user   libvirt.QEMUUser
}

func (q qemuFolder) make(uid, gid int, folder, key fs.FileMode) {
	q.Helper()
	path := q.layout.Path(libvirt.ServerKey)
	err := os.MkdirAll(q.layout.Base, 0o700)
	for _, step := range []func() error{
		func() error { return os.WriteFile(path, []byte("key"), 0o600) },
		func() error { return os.Chown(q.layout.Base, uid, gid) },
		func() error { return os.Chown(path, uid, gid) },
		func() error { return os.Chmod(q.layout.Base, folder) },
		func() error { return os.Chmod(path, key) },
	} {
		if err == nil {
			err = step()
		}
	}
	if err != nil {
		q.Fatal(err)
	}
}

// reads reports whether QEMU's user can read the key.
func (q qemuFolder) reads() bool {
	cmd := exec.Command("cat", q.layout.Path(libvirt.ServerKey))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: qemuID, Gid: qemuID}}
	return cmd.Run() == nil
}

func (q qemuFolder) spot(path string) Spot {
	info, err := os.Stat(path)
	if err != nil {
		q.Fatal(err)
	}
	sys := info.Sys().(*syscall.Stat_t)
	return Spot{Path: path, Mode: info.Mode(), UID: int(sys.Uid), GID: int(sys.Gid)}
}

// findings returns the findings about owners and modes.
func (q qemuFolder) findings() []Finding {
	p := Place{Kind: QEMUFolder, Base: q.layout.Base, Seen: "/etc/pki/qemu", Roles: []Role{Server}, QEMU: &q.user,
		Folders: []Spot{q.spot(q.layout.Base)}, Files: make(map[libvirt.File]Spot), Want: make(map[string]fs.FileMode)}
	for _, entry := range q.layout.Files() {
		if entry.File == libvirt.ServerKey {
			p.Files[entry.File] = q.spot(entry.Path)
			p.Want[entry.Path] = entry.Mode
			for _, folder := range q.layout.FoldersFor(entry.Path) {
				p.Want[folder.Path] = folder.Mode
			}
		}
	}
	var found []Finding
	for _, f := range InPlace(p) {
		if strings.HasPrefix(f.Fix, "ch") {
			found = append(found, f)
		}
	}
	return found
}

// fix runs the fixes as typed.
func (q qemuFolder) fix() int {
	found := q.findings()
	for _, f := range found {
		if out, err := exec.Command("sh", "-e", "-c", strings.ReplaceAll(f.Fix, " libvirt-qemu ", " 64055 ")).CombinedOutput(); err != nil {
			q.Errorf("%s: %v: %s", f.Fix, err, out)
		}
	}
	return len(found)
}

// The maker of an image chooses QEMU's directory, and the fix is typed into a shell.
func TestAppArmorFixIsQuoted(t *testing.T) {
	layout := libvirt.QEMUFolder("/image/etc/pki/q")
	local := filepath.Join(t.TempDir(), "local", "rules")
	for _, seen := range []string{"/etc/pki/q", "/etc/pki/q';id;'", "/etc/pki/$(id) q"} {
		p := Place{Kind: QEMUFolder, Base: layout.Base, Seen: seen, AppArmor: "  /etc/pki/qemu/** r,", LocalAppArmor: local,
			Files: map[libvirt.File]Spot{libvirt.CACert: {Path: layout.Path(libvirt.CACert)}}}
		i := slices.IndexFunc(InPlace(p), func(f Finding) bool { return f.ID == "apparmor" })
		if i < 0 {
			t.Fatalf("%s: no finding", seen)
		}
		fix := InPlace(p)[i].Fix + " && tail -n 1 " + local
		if out, err := exec.Command("sh", "-c", fix).CombinedOutput(); err != nil || string(out) != "  "+seen+"/** r,\n" {
			t.Errorf("%s: %v, %s", fix, err, out)
		}
	}
}
