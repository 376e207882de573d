package libvirt

import (
	"fmt"
	"strconv"
	"strings"
)

// Target is a libvirt or QEMU release that files are made for. The zero value
// is all of them.
type Target struct {
	Product      string // "libvirt" or "qemu"; empty is every release of both
	Major, Minor int
}

// ParseTarget reads "any", or a product and a version such as "libvirt-11.6" or
// "qemu-10.2".
func ParseTarget(s string) (Target, error) {
	if s == "any" || s == "" {
		return Target{}, nil
	}
	product, version, _ := strings.Cut(s, "-")
	major, minor, _ := strings.Cut(version, ".")
	x, err1 := strconv.ParseUint(major, 10, 16)
	y, err2 := strconv.ParseUint(minor, 10, 16)
	if (product != "libvirt" && product != "qemu") || err1 != nil || err2 != nil {
		return Target{}, fmt.Errorf("unknown target %q (any, or one like libvirt-11.6 or qemu-10.2)", s)
	}
	return Target{Product: product, Major: int(x), Minor: int(y)}, nil
}

// String is the form that [ParseTarget] reads.
func (t Target) String() string {
	if t.Product == "" {
		return "any"
	}
	return fmt.Sprintf("%s-%d.%d", t.Product, t.Major, t.Minor)
}

// TakesStrictKeyUsage reports whether the target accepts a critical keyUsage of
// digitalSignature alone. libvirt wants keyEncipherment beside it before 11.6.0
// (libvirt, NEWS 11.6.0); QEMU has dropped that in 10.2.0.
func (t Target) TakesStrictKeyUsage() bool {
	switch t.Product {
	case "libvirt":
		return t.atLeast(11, 6)
	case "qemu":
		return t.atLeast(10, 2)
	}
	return false
}

func (t Target) atLeast(major, minor int) bool {
	return t.Major > major || t.Major == major && t.Minor >= minor
}
