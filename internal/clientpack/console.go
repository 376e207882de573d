package clientpack

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Console is a guest's console, as remote-viewer opens it with SPICE over TLS.
type Console struct {
	Host    string
	Port    int    // of TLS
	Subject string // of the host's certificate; empty to compare its names with Host
}

// ParseConsole parses spice://HOST:PORT, where the port is that of TLS.
func ParseConsole(text string) (*Console, error) {
	bad := func(why string) (*Console, error) {
		return nil, fmt.Errorf("console %q %s (want spice://HOST:PORT)", text, why)
	}
	u, err := url.Parse(text)
	if err != nil {
		return bad("is not a URI")
	}
	if u.Scheme != "spice" {
		return bad("is not of SPICE")
	}
	if u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return bad("has more than a host and a port")
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || port == 0 {
		return bad("has no port of TLS")
	}
	host := u.Hostname()
	if net.ParseIP(host) == nil {
		if err := subject.CheckHost(host); err != nil {
			return nil, fmt.Errorf("console %q: %w", text, err)
		}
	}
	return &Console{Host: host, Port: int(port)}, nil
}

// SetSubject takes the subject of the host's certificate in libvirt's form,
// "O=Example Org,CN=hv1". SPICE compares it type by type, in the certificate's order, and
// knows two escapes: \, and \\ (spice-common, common/ssl_verify.c, subject_to_x509_name).
func (c *Console) SetSubject(name string) error {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, termtext.Hidden) {
		return fmt.Errorf("subject %q has a control character", name)
	}
	for i := 0; i < len(name); i++ {
		switch {
		case name[i] != '\\':
		case i+1 < len(name) && strings.IndexByte(`,\`, name[i+1]) >= 0:
			i++
		default:
			return fmt.Errorf("subject %q has an escape that SPICE does not know", name)
		}
	}
	if strings.Contains(name, "+") || strings.Contains(name, "=#") {
		return fmt.Errorf("subject %q has a part that SPICE cannot compare", name)
	}
	c.Subject = name
	return nil
}

// File returns the connection file for remote-viewer (virt-viewer, remote-viewer(1),
// CONNECTION FILE). Without an unencrypted port, all channels use TLS.
func (c *Console) File(cas []*x509.Certificate) ([]byte, error) {
	var b strings.Builder
	b.WriteString("[virt-viewer]\ntype=spice\n")
	set := func(key, value string) { b.WriteString(key + "=" + keyFileValue(value) + "\n") }
	set("host", c.Host)
	set("tls-port", strconv.Itoa(c.Port))
	set("ca", string(pki.EncodeCertificates(cas...)))
	if c.Subject != "" {
		set("host-subject", c.Subject)
	}
	set("delete-this-file", "0")
	return []byte(b.String()), nil
}

// keyFileValue escapes a string for GLib's key files.
func keyFileValue(s string) string {
	s = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(s)
	if strings.HasPrefix(s, " ") {
		s = `\s` + s[1:]
	}
	return s
}
