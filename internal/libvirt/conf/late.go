package conf

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// LateComplaint is a value that a daemon reads and then does not start with.
type LateComplaint struct {
	Setting string
	Text    string
	// Always is whether every libvirt refuses it. 7.0 started with the other values, and 9.0
	// did not.
	Always bool
}

// LateComplaints returns the faults that a daemon finds after it has read its configuration,
// and because of which it ends: modes that are not octal numbers, unknown groups, log settings
// (libvirt, src/remote/remote_daemon.c; src/util/virlog.c; run with 7.0, 9.0, 11.3 and 12.8).
// hasGroup tells whether the machine knows a group. LateComplaints does not check settings that
// depend on the network.
func (c *File) LateComplaints(hasGroup func(string) bool) []LateComplaint {
	var found []LateComplaint
	say := func(always bool, setting, format string, args ...any) {
		found = append(found, LateComplaint{setting, fmt.Sprintf(format, args...), always})
	}
	for _, name := range []string{"unix_sock_ro_perms", "unix_sock_rw_perms", "unix_sock_admin_perms"} {
		if v, ok := c.text(name); ok && !octalMode(v) {
			say(true, name, "%q is not an octal mode", v)
		}
	}
	if v, ok := c.text("unix_sock_group"); ok && !hasGroup(v) && !isNumber(strings.TrimPrefix(v, "+")) {
		say(true, "unix_sock_group", "there is no group %q", v)
	}
	if v, ok := c.text("unix_sock_dir"); ok && !filepath.IsAbs(v) && v != "" {
		say(true, "unix_sock_dir", "%q is not an absolute path", v)
	}
	c.lateIdentity(say)
	c.lateLogging(say)
	c.lateLimits(say)
	return found
}

type complain func(always bool, setting, format string, args ...any)

func (c *File) text(name string) (string, bool) {
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

func (c *File) lateIdentity(say complain) {
	source, given := c.text("host_uuid_source")
	if given && source != "smbios" && source != "machine-id" {
		say(true, "host_uuid_source", "%q is neither smbios nor machine-id", source)
	}
	if v, ok := c.text("host_uuid"); ok && !given && !validHostUUID(v) {
		say(true, "host_uuid", "%q is not a UUID that libvirt accepts", v)
	}
	if v, ok := c.Lookup("access_drivers"); ok {
		for _, driver := range v.List() {
			if driver != "polkit" && driver != "none" {
				say(true, "access_drivers", "there is no access driver %q", driver)
			}
		}
	}
	if v, ok := c.text("tls_port"); ok && v != "" && !isNumber(v) {
		say(true, "tls_port", "%q is not a port number", v)
	}
	if v, ok := c.text("listen_addr"); ok && v == "" {
		say(true, "listen_addr", "the address is empty")
	}
}

// validHostUUID wants 32 hexadecimal digits that are not all the same.
func validHostUUID(s string) bool {
	digits := strings.NewReplacer("-", "", " ", "").Replace(s)
	octets, err := hex.DecodeString(digits)
	return err == nil && len(octets) == 16 && strings.Trim(digits, digits[:1]) != ""
}

func (c *File) lateLogging(say complain) {
	if v, ok := c.Lookup("log_level"); ok && v.Int() > 4 {
		say(false, "log_level", "%d is more than 4", v.Int())
	}
	for _, list := range []struct {
		name, form string
	}{
		{"log_filters", `^[1-4]:\+?[^:\s]+$`},
		{"log_outputs", `^[1-4]:(stderr|journald|syslog:.+|file:.+)$`},
	} {
		v, _ := c.text(list.name)
		for _, item := range strings.Fields(v) {
			if !regexp.MustCompile(list.form).MatchString(item) {
				say(false, list.name, "%q is not one of its items", item)
			}
		}
	}
}

// lateLimits compares with libvirt's default of max_anonymous_clients, 20.
func (c *File) lateLimits(say complain) {
	clients, given := c.Lookup("max_clients")
	anonymous := int64(20)
	if v, ok := c.Lookup("max_anonymous_clients"); ok {
		anonymous = v.Int()
	}
	if given && clients.Int() < anonymous {
		say(false, "max_clients", "%d is less than max_anonymous_clients, which is %d", clients.Int(), anonymous)
	}
}
