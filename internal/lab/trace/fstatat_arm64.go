//go:build linux

package trace

import "golang.org/x/sys/unix"

const (
	fstatat   = unix.SYS_FSTATAT
	auditArch = unix.AUDIT_ARCH_AARCH64
)
