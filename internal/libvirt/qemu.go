package libvirt

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/libvirt/conf"
)

// Refresh says when QEMU reads new TLS files of one use.
type Refresh int

// The ways. The source is how libvirt hands the files over: as an object of QEMU's that it
// makes for each migration and each backup job, and for a disk or a character device when the
// guest starts or the device is plugged in (libvirt, src/qemu/qemu_migration_params.c,
// qemu_backup.c, qemu_hotplug.c). Only VNC has a command to reload them (QEMU 6.0,
// qapi/ui.json, display-reload).
const (
	NextJob    Refresh = iota // at the next migration or backup
	OnCommand                 // when it is told to, see [DisplayReload]
	GuestStart                // when the guest is started again, or its device unplugged and plugged in again
)

// QEMUUse is something that QEMU does with TLS for libvirt.
type QEMUUse struct {
	Name   string // as in --with and in the names of settings: "migrate"
	Folder string // below SYSCONFDIR/pki

	// Server and Client say whether QEMU reads a certificate and key for that role.
	Server, Client bool

	// Switch is the setting of qemu.conf that turns the use on; empty if each guest or each job
	// asks for it.
	Switch string
	// Verify is whether QEMU wants a certificate from each client, unless qemu.conf says
	// otherwise: 0 or 1, and -1 where qemu.conf has no such setting.
	Verify int
	// Secret is whether the use's key may be encrypted, with the passphrase in one of libvirt's
	// secrets.
	Secret  bool
	Refresh Refresh
	// Confined is whether the AppArmor profile that comes with libvirt keeps QEMU out of the
	// use's own directory (libvirt, src/security/apparmor/libvirt-qemu.in). It never keeps it
	// out of the default one. SELinux labels all of them alike.
	Confined bool
}

// The AppArmor rules for every guest that come with libvirt, and the administrator's own file
// beside them, which the rules include since AppArmor 3.
const (
	AppArmorQEMU  = "/etc/apparmor.d/abstractions/libvirt-qemu"
	AppArmorLocal = "/etc/apparmor.d/local/abstractions/libvirt-qemu"
)

// DefaultQEMU is the directory that QEMU reads for each use that has none of its own.
const DefaultQEMU = "qemu"

// qemuUses lists the default directory, then each use (libvirt, src/qemu/qemu_conf.c and
// qemu.conf.in; the same in 7.0 to 12.8).
var qemuUses = []QEMUUse{
	{Name: DefaultQEMU, Folder: "qemu", Server: true, Client: true, Verify: -1, Secret: true, Refresh: NextJob},
	{Name: "vnc", Folder: "libvirt-vnc", Server: true, Switch: "vnc_tls", Verify: 0, Secret: true, Refresh: OnCommand},
	{Name: "spice", Folder: "libvirt-spice", Server: true, Switch: "spice_tls", Verify: -1, Refresh: GuestStart},
	{Name: "chardev", Folder: "libvirt-chardev", Server: true, Client: true, Switch: "chardev_tls", Verify: 1, Secret: true, Refresh: GuestStart, Confined: true},
	{Name: "migrate", Folder: "libvirt-migrate", Server: true, Client: true, Verify: 1, Secret: true, Refresh: NextJob, Confined: true},
	{Name: "nbd", Folder: "libvirt-nbd", Client: true, Switch: "nbd_tls", Verify: -1, Secret: true, Refresh: GuestStart, Confined: true},
	{Name: "backup", Folder: "libvirt-backup", Server: true, Client: true, Verify: 1, Secret: true, Refresh: NextJob, Confined: true},
}

// QEMUUses lists the default directory, named [DefaultQEMU], and the uses that may have one of
// their own.
func QEMUUses() []QEMUUse { return slices.Clone(qemuUses) }

// QEMUUseNames lists the names of the uses.
func QEMUUseNames() []string {
	var names []string
	for _, use := range qemuUses {
		names = append(names, use.Name)
	}
	return names
}

// FindQEMUUse looks a use up by its name.
func FindQEMUUse(name string) (QEMUUse, error) {
	for _, use := range qemuUses {
		if use.Name == name {
			return use, nil
		}
	}
	return QEMUUse{}, fmt.Errorf("unknown QEMU use %q (one of %s)", name, strings.Join(QEMUUseNames(), ", "))
}

// FindQEMUUses looks uses up by their names, each once.
func FindQEMUUses(names []string) (uses []QEMUUse, err error) {
	seen := make(map[string]bool)
	for _, name := range names {
		use, err := FindQEMUUse(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		if !seen[use.Name] {
			seen[use.Name] = true
			uses = append(uses, use)
		}
	}
	return uses, nil
}

// Layout is the use's directory below a SYSCONFDIR.
func (u QEMUUse) Layout(sysconfdir string) Layout {
	return QEMUFolder(filepath.Join(sysconfdir, "pki", u.Folder))
}

// QEMUFolder is a directory that QEMU reads.
func QEMUFolder(folder string) Layout {
	return Layout{Base: folder, Parents: 0o755, entries: qemuEntries, folders: []Folder{{".", 0o755}}}
}

// OfQEMU reports whether QEMU reads the files of the layout.
func (l Layout) OfQEMU() bool { return len(l.entries) > 0 && l.entries[0] == qemuEntries[0] }

// QEMUConfPath is the configuration of libvirt's QEMU driver below a SYSCONFDIR.
func QEMUConfPath(sysconfdir string) string {
	return filepath.Join(sysconfdir, "libvirt", "qemu.conf")
}

// qemuEntries are the files in a directory that QEMU reads (QEMU, docs/system/tls.rst). Keys
// are for its group: QEMU opens them as its own user.
var qemuEntries = []Entry{
	{CACert, "ca-cert.pem", 0o644},
	{CACRL, "ca-crl.pem", 0o644},
	{ServerCert, "server-cert.pem", 0o644},
	{ServerKey, "server-key.pem", 0o640},
	{ClientCert, "client-cert.pem", 0o644},
	{ClientKey, "client-key.pem", 0o640},
	{ServerPending, "server-key-pending.pem", 0o600},
	{ClientPending, "client-key-pending.pem", 0o600},
	{Requests, "requests.csr", 0o644},
}

// QEMU lists the directories in which QEMU may find its files, below a SYSCONFDIR: the default
// one, and those of single uses, which count as soon as they exist.
func QEMU(sysconfdir string) []Layout {
	var layouts []Layout
	for _, use := range qemuUses {
		layouts = append(layouts, use.Layout(sysconfdir))
	}
	return layouts
}

// FolderIn returns the directory that libvirt hands to QEMU for the use: the one that qemu.conf
// names, else the use's own if it exists when the daemon starts, else the default one.
// sysconfdir is libvirt's; exists tells about directories as libvirt sees them.
func (u QEMUUse) FolderIn(file *conf.File, sysconfdir string, exists func(string) bool) string {
	if v, ok := file.Lookup(u.Name + certDir); ok && u.Name != DefaultQEMU {
		return v.Str()
	}
	if own := u.Layout(sysconfdir).Base; u.Name != DefaultQEMU && exists(own) {
		return own
	}
	if v, ok := file.Lookup("default" + certDir); ok {
		return v.Str()
	}
	return filepath.Join(sysconfdir, "pki", DefaultQEMU)
}

// certDir is the ending of the settings that name directories.
const certDir = "_tls_x509_cert_dir"
