package judge

import (
	"fmt"
	"time"

	"virtpki/internal/gnutls"
	"virtpki/internal/libvirt"
)

// run is one judgement: one set of files under one set of rules.
type run struct {
	set   Set
	rules libvirt.Rules
	now   time.Time
	stage Stage
	out   []Finding

	met *verified             // of a session
	cas []*gnutls.Certificate // those that are looked at
	raw []byte                // of the CA or CRL that is being checked, see [Finding]
}

func (r *run) say(f Finding, format string, args ...any) {
	f.Stage, f.Text, f.Raw = r.stage, fmt.Sprintf(format, args...), r.raw
	r.out = append(r.out, f)
}

// refuse adds an error that ends with its consequence.
func (r *run) refuse(id, file, fix, format string, args ...any) {
	r.say(Finding{ID: id, Level: Error, File: file, Fix: fix}, format+": %s", append(args, consequenceOf(r))...)
}

func consequenceOf(r *run) string {
	switch {
	case r.stage == Session && r.set.Role == Server:
		return "clients close the connection"
	case r.stage == Session:
		return "the server refuses the client"
	case r.rules.Product == "qemu":
		return "QEMU refuses the files"
	case r.set.Role == Server:
		return "libvirtd does not start, and a reload keeps the previous files"
	}
	return "the client does not even connect"
}

func readerOf(r *run) string {
	switch {
	case r.stage == Session:
		return "the other side"
	case r.rules.Product == "qemu":
		return "QEMU"
	case r.set.Role == Server:
		return "libvirtd"
	}
	return "the client"
}

// The fixes that several findings share.
func (r *run) reissue() string {
	if r.set.Role == Server {
		return "virtpki issue server NAME"
	}
	return "virtpki issue client NAME --here"
}

const (
	fixCA    = "copy the CA's file again, from the CA or from another host"
	fixCRL   = "virtpki crl writes a new one; or remove the file"
	fixBytes = "copy the file again from where it was made"
)

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
