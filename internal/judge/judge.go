package judge

import (
	"errors"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"virtpki/internal/gnutls"
	"virtpki/internal/libvirt"
)

// File is one file as the caller found it.
type File struct {
	Path string // as findings name it
	Data []byte
	Err  error // why there is no Data; [fs.ErrNotExist] if the file does not exist
}

// Absent reports whether the file does not exist. A dangling link and a loop of links count as
// absent: access(2) says so, and libvirt asks access(2). A File that was never filled is absent
// too.
func (f File) Absent() bool {
	return leadsNowhere(f.Err) || f.Err == nil && f.Data == nil && f.Path == ""
}

// leadsNowhere reports whether an error means that nothing exists at a path.
func leadsNowhere(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENAMETOOLONG)
}

// Role is the purpose of a set of files.
type Role string

// The roles.
const (
	Server Role = "server" // libvirtd's or a QEMU server endpoint's files
	Client Role = "client" // the side that connects
)

// Identity is a further certificate and its key, such as servercert0.pem and
// serverkey0.pem beside servercert.pem: libvirt 11.10 and QEMU 10.2 read them.
type Identity struct{ Cert, Key File }

// Set holds the files that one program reads for one role.
type Set struct {
	Role Role
	// Product is the program that reads the files, "libvirt" or "qemu". If it is empty, the rules
	// of both apply.
	Product   string
	CA, CRL   File
	Cert, Key File
	More      []Identity // numbers 0 to 3, both absent if there is none
	// Secret reports whether QEMU gets a passphrase for the key (a secret's uuid in qemu.conf).
	Secret bool
	GnuTLS gnutls.Library // of the machine with the files
}

// Peer is the side that meets a set's certificate in a session. It trusts the
// set's own CA file and reads its CRL, unless it has files of its own.
type Peer struct {
	CA, CRL *File
	// Names are the host names and addresses under which clients connect to a server, as written in
	// the URI.
	Names []string
	// DNList is tls_allowed_dn_list, for a client's set; nil if there is no list.
	DNList []string
}

// OwnFiles returns the findings of the target's program on its own files, in the order in which it
// checks them: a daemon when it starts or reloads, a client before it connects. [Refused] is true
// of the findings if the program refuses the set. A release stops at its first error; the findings
// go on, so that people can fix all errors at once.
func OwnFiles(set Set, target libvirt.Release, now time.Time) []Finding {
	return merge(target.Rules(set.Product), func(rules libvirt.Rules) []Finding {
		r := run{set: set, rules: rules, now: now, stage: Own}
		r.ownFiles()
		return r.out
	})
}

// InSession returns the findings of the other side on the set's certificate in a handshake, in its
// order. It is for sets that pass [OwnFiles].
func InSession(set Set, peer Peer, target libvirt.Release, now time.Time) []Finding {
	var met verified // of all rules, one after the other
	return merge(target.Rules(set.Product), func(rules libvirt.Rules) []Finding {
		r := run{set: set, rules: rules, now: now, stage: Session, met: &met}
		r.session(peer)
		return r.out
	})
}

// CAFile returns the findings on a CA file and a CRL by themselves, for a machine that has no
// certificate of its own.
func CAFile(ca, crl File, product string, target libvirt.Release, now time.Time) []Finding {
	return merge(target.Rules(product), func(rules libvirt.Rules) []Finding {
		r := run{set: Set{Role: Client, CA: ca, CRL: crl}, rules: rules, now: now, stage: Own}
		r.caFile()
		return r.out
	})
}

// CheckCAs returns the first reason why some release of libvirt would not start on a CA file with
// these bytes, or would not use all of it: the file is too large or has too many CAs, or one of its
// certificates is not a CA, may not sign, or is not valid now.
func CheckCAs(data []byte, now time.Time) error {
	found := merge(libvirt.Release{}.Rules("libvirt"), func(rules libvirt.Rules) []Finding {
		r := run{set: Set{Role: Server, CA: File{Path: "the CA file", Data: data}}, rules: rules, now: now, stage: Own}
		if r.openCAs() {
			r.checkCAs(nil)
			r.loadCAs(true)
		}
		return r.out
	})
	for _, f := range found {
		if f.Level != Note {
			return errors.New(f.Text)
		}
	}
	return nil
}

// HostName reports whether a client that connects to name accepts the first certificate of the
// file, by the rules of GnuTLS. They are the same for all targets. why lists the names that name
// was compared with.
func HostName(cert File, name string) (ok bool, why string) {
	c, err := gnutls.ReadCertificate(cert.Data)
	if err != nil {
		return false, "the certificate cannot be read"
	}
	return gnutls.MatchHost(c, name)
}

// Certificates reads all certificates of a file as GnuTLS does. In case of an error it also returns
// those before the faulty one.
func Certificates(f File) ([]*gnutls.Certificate, error) {
	if f.Err != nil {
		return nil, f.Err
	}
	return gnutls.ReadCertificates(f.Data, 0)
}

// Refused reports whether a finding is an error: the files do not work.
func Refused(findings []Finding) bool {
	for _, f := range findings {
		if f.Level == Error {
			return true
		}
	}
	return false
}

// merge judges by each set of rules and joins the findings. A finding that only some of the rules
// lead to carries their names. If they differ in the level, the most severe counts.
func merge(all []libvirt.Rules, judge func(libvirt.Rules) []Finding) []Finding {
	var merged []Finding
	for _, rules := range all {
		at := 0
		for _, f := range judge(rules) {
			i := index(merged, f)
			if i >= 0 && slices.Contains(merged[i].Releases, rules.Name) {
				continue // reported already: one CA may stand in a file several times
			}
			if i < 0 {
				i = at
				merged = append(merged[:i], append([]Finding{f}, merged[i:]...)...)
			}
			merged[i].Releases = append(merged[i].Releases, rules.Name)
			merged[i].Level = worse(merged[i].Level, f.Level)
			at = i + 1
		}
	}
	for i := range merged {
		if len(merged[i].Releases) == len(all) {
			merged[i].Releases = nil
		}
	}
	return merged
}

func index(list []Finding, f Finding) int {
	for i := range list {
		if list[i].ID == f.ID && list[i].File == f.File && list[i].Text == f.Text {
			return i
		}
	}
	return -1
}

func worse(a, b Level) Level {
	if a == Error || b == Error {
		return Error
	}
	if a == Warning || b == Warning {
		return Warning
	}
	return Note
}
