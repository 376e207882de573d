package reload

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/libvirt/rpc"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
)

// Changed says which files that guests read have changed.
type Changed struct {
	// Any is set if files have changed. Then VNC reloads them whichever certificate it serves,
	// because the CRL may be the changed file, and the run tells which previous files a guest
	// still holds. Without Any, VNC reloads only if it serves another certificate.
	Any bool
	// Until is when the previous certificate expires, by QEMU's directory.
	Until map[string]time.Time
}

// guestRefresh is a reloader that deals with guests.
type guestRefresh struct {
	*Reloader
	changed Changed
	conf    *conf.File
}

// Guests makes the guests that run here reload their TLS files, as far as they can, and tells
// for each guest which files it keeps using. If no daemon runs guests, it does nothing.
func (r *Reloader) Guests(ctx context.Context, changed Changed) error {
	if r.o.Leave {
		return nil
	}
	file, err := r.m.QEMUConf()
	if err != nil {
		return err
	}
	guests := guestRefresh{r, changed, file}
	return guests.run(ctx)
}

// guestTimeout limits the time for one guest. It is longer than libvirt waits for a guest that
// is busy.
const guestTimeout = 45 * time.Second

// run goes through the guests.
func (r *guestRefresh) run(ctx context.Context) error {
	host, err := rpc.DialGuests(ctx, r.m.Root)
	var refused *rpc.DaemonError
	switch {
	case errors.Is(err, rpc.ErrNobodyListens), errors.Is(err, fs.ErrPermission), errors.As(err, &refused):
		return nil // no daemon, not root's run, or no QEMU
	case err != nil:
		return fmt.Errorf("asking for the guests here: %w", err)
	}
	defer host.Close()
	guests, err := host.Guests(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, guest := range guests {
		err := r.one(ctx, host, guest)
		if err != nil && !r.left(ctx, host, guest) {
			errs = append(errs, fmt.Errorf("guest %s: %w", guest.Name, err))
		}
	}
	return errors.Join(errs...)
}

// leaveTimeout is how long a guest may take to end after it has stopped responding.
const leaveTimeout = 3 * time.Second

// left reports whether a guest that made trouble was about to end, or to be migrated away: then
// it reads the new files where it starts.
func (r *guestRefresh) left(ctx context.Context, host *rpc.GuestHost, guest rpc.Guest) bool {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	for ctx.Err() == nil {
		runs, err := host.Runs(ctx, guest)
		if err != nil {
			return false
		}
		if !runs {
			return true
		}
		time.Sleep(100 * time.Millisecond)
	}
	return false
}

// one handles one guest.
func (r *guestRefresh) one(ctx context.Context, host *rpc.GuestHost, guest rpc.Guest) error {
	if r.changed.Any {
		r.tellHeld(guest)
	}
	if !guest.VNC || !r.changed.Any && r.upToDate(ctx, guest) {
		return nil
	}
	return change.Locked(ctx, r.m, r.m.System(), func() error { return r.reload(ctx, host, guest) })
}

// reload makes a guest's VNC reload its files and verifies the result. It holds the lock, so
// that no other run replaces the files meanwhile.
func (r *guestRefresh) reload(ctx context.Context, host *rpc.GuestHost, guest rpc.Guest) error {
	ctx, cancel := context.WithTimeout(ctx, guestTimeout)
	defer cancel()
	err := host.ReloadVNC(ctx, guest)
	switch {
	case errors.Is(err, rpc.ErrVNCWithoutTLS):
		return nil
	case errors.Is(err, rpc.ErrNoDisplayReload):
		r.j.Note("guest %s: VNC%s: %v; it reads the new ones when it is migrated or restarted", guest.Name, r.goesOn("vnc"), err)
		return nil
	case errors.Is(err, rpc.ErrGuestBusy):
		r.j.Note("guest %s: VNC%s: %v; the next run tries again", guest.Name, r.goesOn("vnc"), err)
		return nil
	case err != nil:
		return fmt.Errorf("VNC still uses the previous files: %w", err)
	}
	return r.proveVNC(ctx, guest)
}

// tellHeld names the uses whose files a guest reads only when it starts.
func (r *guestRefresh) tellHeld(guest rpc.Guest) {
	for _, name := range guest.Uses() {
		use, err := libvirt.FindQEMUUse(name)
		if err != nil || use.Refresh != libvirt.GuestStart || r.ends(name).IsZero() {
			continue
		}
		r.j.Note("guest %s: %s%s: it reads the new files when it is migrated or restarted, or when its device is plugged in again", guest.Name, heldWords[name], r.goesOn(name))
	}
}

// heldWords names the uses in a sentence.
var heldWords = map[string]string{"spice": "SPICE", "chardev": "a character device", "nbd": "a disk by NBD"}

// goesOn says until when a use can keep using the previous files.
func (r *guestRefresh) goesOn(use string) string {
	if until := r.ends(use); !until.IsZero() {
		return " still uses the previous certificate, until " + termtext.Day(until)
	}
	return " still uses the previous files"
}

// ends returns when the previous certificate expires; zero if it has not changed.
func (r *guestRefresh) ends(name string) time.Time {
	use, err := libvirt.FindQEMUUse(name)
	if err != nil {
		return time.Time{}
	}
	return r.changed.Until[r.folder(use)]
}

// folder returns the directory of a use's files, as this process sees it.
func (r *guestRefresh) folder(use libvirt.QEMUUse) string {
	exists := func(path string) bool { return r.m.Tree().Exists(r.m.Path(path)) }
	return r.m.Path(use.FolderIn(r.conf, r.m.Sysconfdir, exists))
}

// vncCerts returns the certificates with which a guest's VNC may have started, by path: those
// of its own directory and of the default one, because its own may have been made later.
func (r *guestRefresh) vncCerts() map[string]*x509.Certificate {
	found := make(map[string]*x509.Certificate)
	for _, name := range []string{libvirt.DefaultQEMU, "vnc"} {
		use, err := libvirt.FindQEMUUse(name)
		if err != nil {
			continue
		}
		path := libvirt.QEMUFolder(r.folder(use)).Path(libvirt.ServerCert)
		if certs, err := keypair.ReadCerts(r.m.Tree(), path); err == nil {
			found[path] = certs[0]
		}
	}
	return found
}

// upToDate reports whether a guest's VNC serves a certificate on disk. It is also true if VNC
// does not use TLS or cannot be asked.
func (r *guestRefresh) upToDate(ctx context.Context, guest rpc.Guest) bool {
	if guest.VNCAddress == "" {
		return true
	}
	served, err := rpc.ServedVNC(ctx, guest.VNCAddress)
	return err != nil || r.where(served) != ""
}

// where returns the file that holds a served certificate; empty if none does.
func (r *guestRefresh) where(served *x509.Certificate) string {
	certs := r.vncCerts()
	var paths []string
	for path, cert := range certs {
		if cert.Equal(served) {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return ""
	}
	return slices.Min(paths)
}

// proveVNC asks VNC for its certificate.
func (r *guestRefresh) proveVNC(ctx context.Context, guest rpc.Guest) error {
	if guest.VNCAddress == "" {
		r.j.Did("guest %s: VNC reloaded its TLS files", guest.Name)
		return nil
	}
	served, err := rpc.ServedVNC(ctx, guest.VNCAddress)
	if err != nil {
		return fmt.Errorf("VNC reloaded its TLS files, but does not answer: %w", err)
	}
	path := r.where(served)
	if path == "" {
		return hint.With(fmt.Errorf("VNC serves %s until %s, a certificate that is in none of %s", subject.Of(served), termtext.Day(served.NotAfter), strings.Join(r.paths(), " and ")),
			"the guest was started with another directory: it reads these files when it is migrated or restarted")
	}
	r.j.Did("guest %s: VNC serves %s, until %s", guest.Name, path, termtext.Day(served.NotAfter))
	return nil
}

func (r *guestRefresh) paths() []string {
	var paths []string
	for path := range r.vncCerts() {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}
