package libvirt

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// LateComplaint is a value that a daemon reads and then does not start with.
type LateComplaint struct {
	Setting string
	Text    string
	// Since is the first libvirt that refuses it, as the runs of this project have
	// seen; zero where all do.
	Since Target
}

// since90 is for what libvirt 7.0 ran with and 9.0 did not.
var since90 = Target{Product: "libvirt", Major: 9, Minor: 0}

// LateComplaints gives what a daemon finds out after it has read its configuration,
// and ends for: modes that are no octal numbers, unknown groups, log settings
// (libvirt, src/remote/remote_daemon.c; src/util/virlog.c; run with 7.0, 9.0,
// 11.3 and 12.8). hasGroup tells whether the machine knows a group. What depends
// on the network is not looked at.
func (c *Conf) LateComplaints(hasGroup func(string) bool) []LateComplaint {
	var found []LateComplaint
	say := func(since Target, setting, format string, args ...any) {
		found = append(found, LateComplaint{setting, fmt.Sprintf(format, args...), since})
	}
	for _, name := range []string{"unix_sock_ro_perms", "unix_sock_rw_perms", "unix_sock_admin_perms"} {
		if v, ok := c.text(name); ok && !octalMode(v) {
			say(Target{}, name, "%q is no octal mode", v)
		}
	}
	if v, ok := c.text("unix_sock_group"); ok && !hasGroup(v) && !isNumber(strings.TrimPrefix(v, "+")) {
		say(Target{}, "unix_sock_group", "there is no group %q", v)
	}
	if v, ok := c.text("unix_sock_dir"); ok && !filepath.IsAbs(v) && v != "" {
		say(Target{}, "unix_sock_dir", "%q is no absolute path", v)
	}
	c.lateIdentity(say)
	c.lateLogging(say)
	c.lateLimits(say)
	return found
}

type complain func(since Target, setting, format string, args ...any)

func (c *Conf) text(name string) (string, bool) {
	v, ok := c.Lookup(name)
	return v.Str(), ok && v.Kind() == KindString
}

// octalMode reports whether strtol with base 8 takes all of s.
func octalMode(s string) bool {
	_, err := strconv.ParseInt(strings.TrimPrefix(strings.TrimLeft(s, " \t\n\v\f\r"), "+"), 8, 32)
	return err == nil && !strings.Contains(s, "_")
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}

func (c *Conf) lateIdentity(say complain) {
	source, given := c.text("host_uuid_source")
	if given && source != "smbios" && source != "machine-id" {
		say(Target{}, "host_uuid_source", "%q is neither smbios nor machine-id", source)
	}
	if v, ok := c.text("host_uuid"); ok && !given && !validHostUUID(v) {
		say(Target{}, "host_uuid", "%q is no UUID that libvirt takes", v)
	}
	if v, ok := c.Lookup("access_drivers"); ok {
		for _, driver := range v.List() {
			if driver != "polkit" && driver != "none" {
				say(Target{}, "access_drivers", "there is no access driver %q", driver)
			}
		}
	}
	if v, ok := c.text("tls_port"); ok && v != "" && !isNumber(v) {
		say(Target{}, "tls_port", "%q is no port number", v)
	}
	if v, ok := c.text("listen_addr"); ok && v == "" {
		say(Target{}, "listen_addr", "an empty address is none to listen on")
	}
}

var hexDigits = regexp.MustCompile(`^[0-9a-fA-F]{32}$`)

// validHostUUID wants 32 hexadecimal digits that are not all the same.
func validHostUUID(s string) bool {
	digits := strings.NewReplacer("-", "", " ", "").Replace(s)
	return hexDigits.MatchString(digits) && strings.Trim(digits, digits[:1]) != ""
}

var (
	logFilter = regexp.MustCompile(`^[1-4]:\+?[^:\s]+$`)
	logOutput = regexp.MustCompile(`^[1-4]:(stderr|journald|syslog:.+|file:.+)$`)
)

func (c *Conf) lateLogging(say complain) {
	if v, ok := c.Lookup("log_level"); ok && v.Int() > 4 {
		say(since90, "log_level", "%d is more than 4", v.Int())
	}
	for _, list := range []struct {
		name string
		form *regexp.Regexp
	}{{"log_filters", logFilter}, {"log_outputs", logOutput}} {
		v, _ := c.text(list.name)
		for _, item := range strings.Fields(v) {
			if !list.form.MatchString(item) {
				say(since90, list.name, "%q is none of its items", item)
			}
		}
	}
}

// lateLimits compares with libvirt's default of max_anonymous_clients, 20.
func (c *Conf) lateLimits(say complain) {
	clients, given := c.Lookup("max_clients")
	anonymous := int64(20)
	if v, ok := c.Lookup("max_anonymous_clients"); ok {
		anonymous = v.Int()
	}
	if given && clients.Int() < anonymous {
		say(since90, "max_clients", "%d is less than max_anonymous_clients, which is %d", clients.Int(), anonymous)
	}
}

// RefusesConf reports whether a target is among those that a complaint is about.
// [Target]'s zero value, all releases, is.
func (l LateComplaint) RefusesConf(t Target) bool {
	return t.Product == "" || l.Since.Product == "" || t.atLeast(l.Since.Major, l.Since.Minor)
}

// SettingNames lists the settings that libvirtd and virtproxyd know.
func SettingNames() []string {
	names := make([]string, len(libvirtdSettings))
	for i, s := range libvirtdSettings {
		names[i] = s.name
	}
	return slices.Clip(append(names, "cert_files", "key_files"))
}
