//go:build linux

package trace

import "golang.org/x/sys/unix"

const (
	fstatat   = unix.SYS_NEWFSTATAT
	auditArch = unix.AUDIT_ARCH_X86_64
)
