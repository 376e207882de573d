package lab

import (
	"fmt"
	"strconv"
	"strings"
)

// Release is a Debian release with the libvirt that it ships.
type Release struct {
	Name    string // Debian's name for it: "bookworm"
	Libvirt string // libvirt's version there, two numbers: "9.0"
}

// Virtproxyd is the release with virtproxyd in libvirtd's place, as Fedora, RHEL, openSUSE and
// Arch have it. It is a Debian with the daemon from its own source package.
var Virtproxyd = Release{Name: "virtproxyd", Libvirt: "11.3"}

// Daemon returns the daemon that serves TLS on the release.
func (r Release) Daemon() string {
	if r == Virtproxyd {
		return "virtproxyd"
	}
	return "libvirtd"
}

// suite returns the Debian suite of the release.
func (r Release) suite() string {
	if r == Virtproxyd {
		return "trixie"
	}
	return r.Name
}

// Releases lists Debian's releases that the lab knows, oldest libvirt first. A Debian that is
// still in testing moves on; [NewHost] callers who need the exact version ask dpkg.
func Releases() []Release {
	return []Release{
		{Name: "bullseye", Libvirt: "7.0"},
		{Name: "bookworm", Libvirt: "9.0"},
		{Name: "trixie", Libvirt: "11.3"},
		{Name: "forky", Libvirt: "12.8"},
	}
}

// Select returns the releases named in list, which is separated by spaces or commas; an empty
// list means all of Debian's. An unknown name is an error, so that a typing mistake cannot make
// a test run skip everything.
func Select(list string) ([]Release, error) {
	names := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	if len(names) == 0 {
		return Releases(), nil
	}
	var selected []Release
	for _, name := range names {
		r, err := find(name)
		if err != nil {
			return nil, err
		}
		selected = append(selected, r)
	}
	return selected, nil
}

func find(name string) (Release, error) {
	for _, r := range append(Releases(), Virtproxyd) {
		if r.Name == name {
			return r, nil
		}
	}
	return Release{}, fmt.Errorf("release %q is not one of %v", name, append(Releases(), Virtproxyd))
}

// String is the release as test names show it: "9.0-bookworm".
func (r Release) String() string { return r.Libvirt + "-" + r.Name }

// Holds reports whether a comparison such as ">=11", "<9.0" or "=7.0" is true of the release's
// libvirt. Versions are compared number by number. Numbers that the comparison leaves out do
// not count, so that "=11" holds for 11.3.
func (r Release) Holds(comparison string) (bool, error) {
	for _, op := range []string{">=", "<=", ">", "<", "="} {
		want, ok := strings.CutPrefix(comparison, op)
		if !ok {
			continue
		}
		c, err := compareVersions(r.Libvirt, want)
		if err != nil {
			return false, fmt.Errorf("comparison %q: %w", comparison, err)
		}
		return strings.ContainsRune(op, []rune("<=>")[c+1]), nil
	}
	return false, fmt.Errorf("comparison %q has no operator (want one of >= <= > < =)", comparison)
}

// compareVersions returns -1, 0 or 1 as have is before, at or after want, looking
// at as many numbers as want has.
func compareVersions(have, want string) (int, error) {
	haves := strings.Split(have, ".")
	for i, w := range strings.Split(want, ".") {
		wantNumber, err := strconv.Atoi(w)
		if err != nil {
			return 0, fmt.Errorf("%q is not a version", want)
		}
		haveNumber := 0
		if i < len(haves) {
			haveNumber, _ = strconv.Atoi(haves[i])
		}
		if haveNumber != wantNumber {
			return map[bool]int{true: 1, false: -1}[haveNumber > wantNumber], nil
		}
	}
	return 0, nil
}
