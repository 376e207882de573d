package conf

import (
	"fmt"
	"math"
)

// settingKind is the kind of value that the daemon wants for a setting.
type settingKind int

const (
	boolSetting   settingKind = iota // the number 0 or 1, not "1"
	uintSetting                      // a number from 0 to 2^32-1, without a minus sign
	intSetting                       // a number of 32 bits
	stringSetting                    // a string, numbers of ports included
	authSetting                      // "none", "sasl" or "polkit"
	listSetting                      // a list of strings; one string alone is not enough
)

type setting struct {
	name string
	kind settingKind
}

// libvirtdSettings holds the settings of libvirtd.conf and virtproxyd.conf, in the order in
// which libvirt 9.0 reads them: the daemon complains of the first one with a wrong value
// (src/remote/remote_daemon_config.c). It silently ignores any other name.
var libvirtdSettings = []setting{
	{"listen_tcp", boolSetting},
	{"listen_tls", boolSetting},
	{"tls_port", stringSetting},
	{"tcp_port", stringSetting},
	{"listen_addr", stringSetting},
	{"auth_unix_rw", authSetting},
	{"auth_unix_ro", authSetting},
	{"auth_tcp", authSetting},
	{"auth_tls", authSetting},
	{"access_drivers", listSetting},
	{"unix_sock_group", stringSetting},
	{"unix_sock_admin_perms", stringSetting},
	{"unix_sock_ro_perms", stringSetting},
	{"unix_sock_rw_perms", stringSetting},
	{"unix_sock_dir", stringSetting},
	{"tls_no_sanity_certificate", boolSetting},
	{"tls_no_verify_certificate", boolSetting},
	{"key_file", stringSetting},
	{"cert_file", stringSetting},
	{"ca_file", stringSetting},
	{"crl_file", stringSetting},
	{"tls_allowed_dn_list", listSetting},
	{"tls_priority", stringSetting},
	{"tcp_min_ssf", uintSetting},
	{"sasl_allowed_username_list", listSetting},
	{"min_workers", uintSetting},
	{"max_workers", uintSetting},
	{"max_clients", uintSetting},
	{"max_queued_clients", uintSetting},
	{"max_anonymous_clients", uintSetting},
	{"prio_workers", uintSetting},
	{"max_client_requests", uintSetting},
	{"admin_min_workers", uintSetting},
	{"admin_max_workers", uintSetting},
	{"admin_max_clients", uintSetting},
	{"admin_max_queued_clients", uintSetting},
	{"admin_max_client_requests", uintSetting},
	{"audit_level", uintSetting},
	{"audit_logging", boolSetting},
	{"host_uuid", stringSetting},
	{"host_uuid_source", stringSetting},
	{"log_level", uintSetting},
	{"log_filters", stringSetting},
	{"log_outputs", stringSetting},
	{"keepalive_interval", intSetting},
	{"keepalive_count", uintSetting},
	{"admin_keepalive_interval", intSetting},
	{"admin_keepalive_count", uintSetting},
	{"ovs_timeout", uintSetting},
}

// CheckDaemon returns the verdict of libvirt 9.0's libvirtd and virtproxyd on the values of the
// settings that they know: nil, or a *[Error] for the value that keeps the daemon from
// starting. It is the value that the daemon names, not the first in the file. CheckDaemon looks
// only at the entry that wins.
//
// It does not check for faults that the daemon finds only after it has read its configuration:
// a path that does not exist, for example, or a mode that is not an octal number.
func (c *File) CheckDaemon() error {
	for _, s := range libvirtdSettings {
		i, ok := c.first[s.name]
		if !ok {
			continue
		}
		if msg := s.complaint(c.entries[i].value); msg != "" {
			line, column := place(c.src, c.entries[i].valStart)
			return &Error{line, column, msg}
		}
	}
	return nil
}

// complaint returns the daemon's objection to v, or "" if the daemon accepts it.
func (s setting) complaint(v Value) string {
	switch s.kind {
	case boolSetting:
		return s.boolComplaint(v)
	case uintSetting:
		return s.uintComplaint(v)
	case intSetting:
		return s.intComplaint(v)
	case authSetting:
		return s.authComplaint(v)
	case listSetting:
		if !v.IsStringList() {
			return s.expected("a string list", v)
		}
	case stringSetting:
		if v.kind != KindString {
			return s.expected("a string", v)
		}
	}
	return ""
}

func (s setting) expected(want string, v Value) string {
	return fmt.Sprintf("expected %s for '%s' parameter (found %s)", want, s.name, v.describe())
}

func (v Value) describe() string {
	switch {
	case v.kind == KindList && !v.IsStringList():
		return "a list with other things than strings"
	case v.kind == KindInt && v.minus:
		return "a number with a minus sign"
	}
	return "a " + v.kind.String()
}

// unsigned reports whether libvirt takes v as an unsigned number. The sign decides: -0 is not
// one, and 2^64, which wraps around to 0, is one.
func (v Value) unsigned() bool { return v.kind == KindInt && !v.minus }

func (s setting) boolComplaint(v Value) string {
	switch {
	case !v.unsigned():
		return s.expected("a bool", v)
	case uint64(v.num) > 1:
		return fmt.Sprintf("value for '%s' parameter must be 0 or 1", s.name)
	}
	return ""
}

func (s setting) uintComplaint(v Value) string {
	switch {
	case !v.unsigned():
		return s.expected("an unsigned integer", v)
	case uint64(v.num) > math.MaxUint32:
		return fmt.Sprintf("value for '%s' parameter must be in range 0:%d", s.name, uint32(math.MaxUint32))
	case s.name == "max_workers" && v.num == 0:
		return "'max_workers' must be greater than 0"
	case s.name == "tcp_min_ssf" && v.num < 112:
		return "minimum SSF levels lower than 112 are not supported"
	}
	return ""
}

func (s setting) intComplaint(v Value) string {
	switch {
	case v.kind != KindInt:
		return s.expected("a signed integer", v)
	case v.num < math.MinInt32 || v.num > math.MaxInt32:
		return fmt.Sprintf("value for '%s' parameter must be in range %d:%d", s.name, math.MinInt32, math.MaxInt32)
	}
	return ""
}

func (s setting) authComplaint(v Value) string {
	if v.kind != KindString {
		return s.expected("a string", v)
	}
	switch v.str {
	case "none", "sasl", "polkit":
		return ""
	}
	return fmt.Sprintf("%s: unsupported auth %s", s.name, v.str)
}
