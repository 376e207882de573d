package running

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"virtpki/internal/libvirt"
)

// process is a running process as /proc shows it.
type process struct {
	pid int // 0 when unknown
}

// peerProcess finds the process behind a connected socket. The kernel names the process that
// listened last. That is the daemon, which listens once more on the sockets that systemd passes
// to it. If the name does not fit, the process is systemd or another one.
func peerProcess(conn net.Conn, name string) process {
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return process{}
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return process{}
	}
	var cred *syscall.Ucred
	raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil {
		return process{}
	}
	if p := (process{int(cred.Pid)}); p.name() == name {
		return p
	}
	if pids, err := libvirt.ProcessesNamed(name); err == nil && len(pids) == 1 {
		return process{pids[0]}
	}
	return process{}
}

// name is the command name, which the arguments do not change.
func (p process) name() string { return libvirt.ProcessName(p.pid) }

func (p process) path(name string) string { return fmt.Sprintf("/proc/%d/%s", p.pid, name) }

// root is where this process finds the root directory of p: "/" when it is the same directory.
// The path works even for another mount namespace.
func (p process) root() string {
	theirs, err := os.Stat(p.path("root"))
	if err != nil {
		return "/"
	}
	ours, err := os.Stat("/")
	if err != nil || os.SameFile(theirs, ours) {
		return "/"
	}
	return p.path("root")
}

// absolute is a path on the command line as seen from the working directory of the process.
func (p process) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	folder, _ := os.Readlink(p.path("cwd"))
	return filepath.Join("/", folder, path)
}

// args is the command line, nil when it cannot be read.
func (p process) args() []string {
	if p.pid == 0 {
		return nil
	}
	data, err := os.ReadFile(p.path("cmdline"))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
}

// clockSlack covers the grain of the clocks that are compared. No daemon has read its
// configuration file so soon after its start.
const clockSlack = 50 * time.Millisecond

// olderThan reports whether the file has changed since the process began. It goes by the time
// of the inode's change, which a copy or a rename cannot preserve.
func (p process) olderThan(file string) bool {
	began, err := p.began()
	if err != nil {
		return false
	}
	info, err := os.Stat(file)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return info.ModTime().After(began.Add(clockSlack))
	}
	return time.Unix(stat.Ctim.Unix()).After(began.Add(clockSlack))
}

// began reads field 22 of /proc/PID/stat: the start in hundredths of a second
// since the boot, as /proc/uptime counts (proc(5); USER_HZ is 100 everywhere).
func (p process) began() (time.Time, error) {
	stat, err := os.ReadFile(p.path("stat"))
	if err != nil {
		return time.Time{}, err
	}
	uptime, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return time.Time{}, err
	}
	now := time.Now()
	_, after, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
	fields := strings.Fields(string(after)) // from field 3 on
	if len(fields) < 20 {
		return time.Time{}, fmt.Errorf("process %d: stat is too short", p.pid)
	}
	ticks, err := strconv.ParseInt(fields[19], 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	up, _, _ := strings.Cut(string(uptime), " ")
	seconds, err := strconv.ParseFloat(up, 64)
	if err != nil {
		return time.Time{}, err
	}
	return now.Add(time.Duration(ticks)*10*time.Millisecond - time.Duration(seconds*float64(time.Second))), nil
}

// listeners returns the TCP addresses on which the process listens, sorted, or nil
// when that cannot be seen.
func (p process) listeners() []net.TCPAddr {
	inodes := p.sockets()
	if inodes == nil {
		return nil
	}
	all := []net.TCPAddr{}
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		data, _ := os.ReadFile(p.path(table))
		for line := range strings.Lines(string(data)) {
			if at, inode, ok := parseListener(line); ok && inodes[inode] {
				all = append(all, at)
			}
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Port < all[j].Port })
	return all
}

// sockets returns the inodes of the sockets that the process has open.
func (p process) sockets() map[string]bool {
	entries, err := os.ReadDir(p.path("fd"))
	if p.pid == 0 || err != nil {
		return nil
	}
	inodes := make(map[string]bool)
	for _, entry := range entries {
		target, _ := os.Readlink(filepath.Join(p.path("fd"), entry.Name()))
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return inodes
}

// parseListener reads a line of /proc/net/tcp or tcp6: number, local address,
// remote address, state (0A is LISTEN), and in field 10 the inode. The address is
// words of 32 bits in the order of the machine's bytes.
func parseListener(line string) (at net.TCPAddr, inode string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 10 || fields[3] != "0A" {
		return at, "", false
	}
	hexIP, hexPort, _ := strings.Cut(fields[1], ":")
	ip, err := hex.DecodeString(hexIP)
	port, portErr := strconv.ParseUint(hexPort, 16, 16)
	if err != nil || portErr != nil || len(ip) != net.IPv4len && len(ip) != net.IPv6len {
		return at, "", false
	}
	if binary.NativeEndian.Uint16([]byte{0, 1}) != 1 {
		for word := range slices.Chunk(ip, 4) {
			slices.Reverse(word)
		}
	}
	return net.TCPAddr{IP: ip, Port: int(port)}, fields[9], true
}
