package running

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/libvirt/rpc"
)

// Daemon is a running daemon, with the files that it reads.
type Daemon struct {
	Daemon      libvirt.Daemon
	PID         int    // 0 where the system does not tell
	AdminSocket string // as this process sees it
	// Root is where this process finds the daemon's root directory: "/", or another directory
	// for a daemon in a chroot or a container. ConfPath and Files are as the daemon sees them.
	Root     string
	ConfPath string
	Conf     *conf.File // empty when the file does not exist, which is not an error for a daemon
	Files    Files
	// Address is the address with TLS, host:port, from this machine or from the daemon's
	// container; empty when the daemon does not listen for TLS.
	Address string
	// ConfChanged is whether the configuration file has changed, or gone, since the process
	// began. The daemon may then be using other files; Files are those that it will read when
	// it restarts.
	ConfChanged bool
}

// Find looks for the daemons of this machine that read a server certificate, by their
// administration sockets: in /run/libvirt and /var/run/libvirt, and in the unix_sock_dir of
// their configuration files, all below root. sysconfdir is libvirt's, "/etc" mostly, and not
// below root.
//
// A socket that nobody listens on does not count as a daemon. Under systemd somebody always
// listens, and connecting would start the daemon; so on Linux Find only tries a socket when a
// process of root's has the daemon's name. Without such a process the daemon is not running.
// [At] connects in any case.
//
// The error, if any, joins one for each daemon about which Find could not find out everything;
// the others are returned beside it.
func Find(ctx context.Context, root, sysconfdir string) ([]Daemon, error) {
	var all []Daemon
	var problems []error
	for _, d := range libvirt.Daemons() {
		if alive, known := libvirt.ProcessAlive(d.Name); known && !alive {
			continue
		}
		for _, socket := range adminSockets(d, root, sysconfdir) {
			r, err := At(ctx, socket, sysconfdir)
			switch {
			case errors.Is(err, rpc.ErrNobodyListens) || slices.ContainsFunc(all, r.same):
			case err != nil:
				problems = append(problems, err)
			default:
				all = append(all, r)
			}
		}
	}
	return all, errors.Join(problems...)
}

// same reports whether two paths led to the same daemon.
func (r Daemon) same(other Daemon) bool {
	return r.PID == other.PID && r.Daemon.Name == other.Daemon.Name && (r.PID != 0 || r.AdminSocket == other.AdminSocket)
}

// adminSockets lists the paths that the daemon's socket may have. It leaves out a path that is
// too long for a socket.
func adminSockets(d libvirt.Daemon, root, sysconfdir string) []string {
	folders := []string{"/run/libvirt", "/var/run/libvirt"}
	if file, err := readConf(root, d.ConfPath(sysconfdir)); err == nil {
		if v, ok := file.Lookup("unix_sock_dir"); ok && filepath.IsAbs(v.Str()) {
			folders = append(folders, v.Str())
		}
	}
	var sockets []string
	for _, folder := range folders {
		path := filepath.Join(root, libvirt.ResolveBelow(root, filepath.Join(folder, d.AdminSocket)))
		if len(path) <= maxSocketPath && !slices.Contains(sockets, path) {
			sockets = append(sockets, path)
		}
	}
	return sockets
}

// maxSocketPath is the longest path of a socket that every system takes
// (sockaddr_un of the BSDs, less the final NUL).
const maxSocketPath = 103

// At asks the daemon behind an administration socket; under systemd that starts it. If nobody
// listens there, the error wraps [rpc.ErrNobodyListens]. Another error may come because the
// configuration file as it is now would keep the daemon from starting.
func At(ctx context.Context, socket, sysconfdir string) (Daemon, error) {
	admin, err := rpc.DialAdmin(ctx, socket)
	if err != nil {
		return Daemon{}, err
	}
	defer admin.Close()
	r := Daemon{AdminSocket: socket, Root: "/"}
	if r.Daemon, err = daemonBehind(ctx, admin); err != nil {
		return Daemon{}, fmt.Errorf("administration socket %q: %w", socket, err)
	}
	p := peerProcess(admin.Conn(), r.Daemon.Name)
	if r.PID = p.pid; r.PID != 0 {
		r.Root = p.root()
	}
	if err := r.read(p, sysconfdir); err != nil {
		return Daemon{}, fmt.Errorf("%s (process %d): %w", r.Daemon.Name, r.PID, err)
	}
	return r, nil
}

// daemonBehind tells which daemon has the administration socket by the name of its server.
func daemonBehind(ctx context.Context, a *rpc.Admin) (libvirt.Daemon, error) {
	names, err := a.Servers(ctx)
	if err != nil {
		return libvirt.Daemon{}, err
	}
	for _, name := range names {
		if d, err := libvirt.FindDaemon(name); err == nil {
			return d, nil
		}
	}
	return libvirt.Daemon{}, fmt.Errorf("serves %q, none of which is %s", names, strings.Join(libvirt.DaemonNames(), " or "))
}

// read finds out which files the daemon reads and where it listens.
func (r *Daemon) read(p process, sysconfdir string) error {
	args := p.args()
	r.ConfPath = r.Daemon.ConfPath(sysconfdir)
	option := libvirt.ConfigOption(args)
	if option != "" {
		r.ConfPath = p.absolute(option)
	}
	seen := filepath.Join(r.Root, libvirt.ResolveBelow(r.Root, r.ConfPath))
	var err error
	if r.Conf, err = readConf(r.Root, r.ConfPath); err != nil {
		return err
	}
	if _, err := os.Stat(seen); err != nil {
		if option != "" {
			return fmt.Errorf("its configuration file: %w", err)
		}
		seen = filepath.Dir(seen) // which has changed if a configuration file has gone
	}
	r.ConfChanged = p.olderThan(seen)
	if r.Files, err = FilesOf(r.Conf, r.Root, libvirt.System(sysconfdir)); err != nil {
		return fmt.Errorf("%s: %w", r.ConfPath, err)
	}
	r.Address = r.address(p.listeners(), args == nil || libvirt.ListenOption(args))
	return nil
}

// readConf reads a configuration file below a root directory. No link leads out of that
// directory.
func readConf(root, path string) (*conf.File, error) {
	return conf.Read(filepath.Join(root, path), func(string, int64) ([]byte, error) { return readBelow(root, path) })
}

// readBelow reads a small regular file as a process with this root directory would.
func readBelow(root, path string) ([]byte, error) {
	top, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer top.Close()
	inside := filepath.Join(".", libvirt.ResolveBelow(root, path))
	file, err := top.OpenFile(inside, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > conf.MaxSize {
		return nil, fmt.Errorf("%s: not a regular file of at most %d bytes", filepath.Join(root, path), conf.MaxSize)
	}
	return io.ReadAll(io.LimitReader(file, conf.MaxSize))
}

// address picks the TLS port among those that the process holds: the one of tls_port, else,
// since systemd's socket unit may say something else, the first that is not tcp_port. Where the
// system does not tell the ports of a process, the configuration file decides.
func (r *Daemon) address(listeners []net.TCPAddr, listen bool) string {
	port := r.setting("tls_port", "16514")
	if listeners == nil {
		return r.configured(port, listen)
	}
	plain := r.setting("tcp_port", "16509")
	best := ""
	for _, l := range listeners {
		at := fmt.Sprint(l.Port)
		switch {
		case at == port:
			return rpc.LocalAddress(l.IP.String(), at)
		case at != plain && best == "":
			best = rpc.LocalAddress(l.IP.String(), at)
		}
	}
	return best
}

// configured goes by the configuration file and, for libvirtd, by --listen.
func (r *Daemon) configured(port string, listen bool) string {
	on := r.Daemon.ListenTLS
	if v, ok := r.Conf.Lookup("listen_tls"); ok {
		on = v.Int() == 1
	}
	if !on || r.Daemon.Name == "libvirtd" && !listen {
		return ""
	}
	return rpc.LocalAddress(r.setting("listen_addr", "0.0.0.0"), port)
}

func (r *Daemon) setting(name, otherwise string) string {
	if v, ok := r.Conf.Lookup(name); ok && v.Str() != "" {
		return v.Str()
	}
	return otherwise
}
