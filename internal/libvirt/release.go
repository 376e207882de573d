package libvirt

import (
	"fmt"
	"strconv"
	"strings"
)

// Release is the libvirt or QEMU release that files are made for or checked against. The zero
// value is all of them.
type Release struct {
	Product             string // "libvirt" or "qemu"; empty is every release of both
	Major, Minor, Micro int
	// Revision is the distribution's addition to the version ("3+deb13u3"): the package carries
	// back changes of later releases. Empty is the upstream release.
	Revision string
}

// ParseRelease reads "any", or a product and a version such as "libvirt-11.6", "qemu-10.2.1"
// or, with a distribution's revision, "libvirt-11.3.0-3+deb13u3". It does not read "installed":
// see [InstalledReleases].
func ParseRelease(s string) (Release, error) {
	if s == "any" || s == "" {
		return Release{}, nil
	}
	product, rest, _ := strings.Cut(s, "-")
	version, revision, _ := strings.Cut(rest, "-")
	t := Release{Product: product, Revision: revision}
	if (product != "libvirt" && product != "qemu") || !t.readVersion(version) || strings.HasSuffix(s, "-") {
		return Release{}, fmt.Errorf("unknown release %q (any, installed, or one like libvirt-11.6 or qemu-10.2)", s)
	}
	return t, nil
}

// ReleaseNames returns values that [ParseRelease] reads: "any", and for each run of releases
// with its own rules the release that its [Rules] are named for.
func ReleaseNames() []string {
	names := []string{"any"}
	for _, rules := range (Release{}).Rules("") {
		names = append(names, rules.Name)
	}
	return names
}

// readVersion reads two or three numbers. A distribution's addition to them ("+dfsg", "~rc1")
// goes to the front of the revision.
func (t *Release) readVersion(version string) bool {
	if i := strings.IndexAny(version, "+~"); i > 0 {
		t.Revision = strings.TrimSuffix(version[i:]+"-"+t.Revision, "-")
		version = version[:i]
	}
	numbers := strings.Split(version, ".")
	if len(numbers) < 2 || len(numbers) > 3 {
		return false
	}
	for i, number := range numbers {
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return false
		}
		*[]*int{&t.Major, &t.Minor, &t.Micro}[i] = int(n)
	}
	return true
}

// String is the form that [ParseRelease] reads.
func (t Release) String() string {
	if t.Product == "" {
		return "any"
	}
	s := fmt.Sprintf("%s-%d.%d", t.Product, t.Major, t.Minor)
	behind := t.Revision != "" && strings.ContainsAny(t.Revision[:1], "+~")
	if t.Micro > 0 || t.Revision != "" && !behind {
		s += fmt.Sprintf(".%d", t.Micro)
	}
	if t.Revision != "" && !behind {
		s += "-"
	}
	return s + t.Revision
}

// StrictRelease is the oldest libvirt that takes a strict keyUsage.
func StrictRelease() Release { return Release{Product: "libvirt", Major: 11, Minor: 6} }

// TakesStrictKeyUsage reports whether the release accepts a critical keyUsage of only
// digitalSignature; "any" does not. See [Rules].
func (t Release) TakesStrictKeyUsage() bool {
	return t.Product != "" && !t.rules().KeyEncipherment
}

// AtLeast reports whether it is this version or a later one; "any" is.
func (t Release) AtLeast(major, minor int) bool {
	return t.Product == "" || t.Major > major || t.Major == major && t.Minor >= minor
}
