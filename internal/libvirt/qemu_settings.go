package libvirt

import (
	"path/filepath"

	"virtpki/internal/libvirt/conf"
)

// QEMUConfig holds the TLS settings that are wanted in qemu.conf.
type QEMUConfig struct {
	Uses []QEMUUse // the uses that shall have TLS
	// VerifyVNC is whether VNC wants a certificate of its clients; all else does by
	// default.
	VerifyVNC bool
	// Force refuses every migration without TLS.
	Force bool
	// Secret is the UUID of libvirt's secret with the passphrase of the keys; empty
	// for keys without one.
	Secret string
}

// Settings returns the entries of qemu.conf, the same for libvirt 7.0 to 12.8. sysconfdir is
// libvirt's; exists tells which directories exist. The daemon does not start if an entry names
// a directory that does not exist. For a use without an entry, libvirt goes by the directories
// that existed when the daemon started (libvirt, src/qemu/qemu_conf.c).
func (c QEMUConfig) Settings(sysconfdir string, exists func(string) bool) []Setting {
	var settings []Setting
	add := func(name string, v conf.Value) { settings = append(settings, Setting{name, v}) }
	if folder := filepath.Join(sysconfdir, "pki", DefaultQEMU); exists(folder) {
		add("default"+certDir, conf.StringValue(folder))
		if c.Secret != "" {
			add("default"+secretUUID, conf.StringValue(c.Secret))
		}
	}
	for _, use := range qemuUses {
		if use.Name == DefaultQEMU || !c.concerns(use) {
			continue
		}
		if use.Switch != "" {
			add(use.Switch, conf.IntValue(1))
		}
		if folder := use.Layout(sysconfdir).Base; exists(folder) {
			add(use.Name+certDir, conf.StringValue(folder))
			if c.Secret != "" && use.Secret {
				add(use.Name+secretUUID, conf.StringValue(c.Secret)) // the default's does not count where a directory is named
			}
		}
		if use.Verify >= 0 {
			add(use.Name+verifyPeer, conf.IntValue(int64(c.verify(use))))
		}
	}
	if c.Force {
		add("migrate_tls_force", conf.IntValue(1))
	}
	return settings
}

// The endings of the other settings of a use.
const (
	secretUUID = "_tls_x509_secret_uuid"
	verifyPeer = "_tls_x509_verify"
)

// concerns reports whether a use is among those asked for. The default directory brings in the
// uses that need no switch.
func (c QEMUConfig) concerns(use QEMUUse) bool {
	for _, asked := range c.Uses {
		if asked.Name == use.Name || asked.Name == DefaultQEMU && use.Switch == "" {
			return true
		}
	}
	return false
}

func (c QEMUConfig) verify(use QEMUUse) int {
	if use.Name == "vnc" && c.VerifyVNC {
		return 1
	}
	return use.Verify
}
