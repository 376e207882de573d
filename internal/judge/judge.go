package judge

import (
	"errors"
	"io/fs"
	"time"

	"virtpki/internal/libvirt"
)

// File is one file as the caller found it.
type File struct {
	Path string // as findings name it
	Data []byte
	Err  error // why there is no Data; [fs.ErrNotExist] where there is no file
}

// Absent reports whether there is no such file. A link to nowhere counts: it is
// what access(2) says, and libvirt asks that.
func (f File) Absent() bool { return errors.Is(f.Err, fs.ErrNotExist) }

// Role is what a set of files is for.
type Role string

// The roles.
const (
	Server Role = "server" // libvirtd's or a QEMU server endpoint's files
	Client Role = "client" // who connects
)

// Identity is a further certificate and its key, such as servercert0.pem and
// serverkey0.pem beside servercert.pem: libvirt 12.8 and QEMU 10.2 read them.
type Identity struct{ Cert, Key File }

// Set is the files that one program reads for one role.
type Set struct {
	Role Role
	// Product says whose files they are, "libvirt" or "qemu"; empty is judged by
	// the rules of both.
	Product   string
	CA, CRL   File
	Cert, Key File
	More      []Identity // numbers 0 to 3, both absent where there is none
}

// Peer is the side that meets a set's certificate in a session. It trusts the
// set's own CA file and reads its CRL, unless it has files of its own.
type Peer struct {
	CA, CRL *File
	// Names are the host names and addresses under which clients connect to a
	// server, as they stand in the URI.
	Names []string
	// DNList is tls_allowed_dn_list, for a client's set; nil is no list.
	DNList []string
}

// OwnFiles says what the program of a target makes of its own files, in the order in
// which it meets them: a daemon when it starts or reloads, a client before it
// connects. Where the set is refused, [Refused] holds of the answer.
func OwnFiles(set Set, target libvirt.Target, now time.Time) []Finding { return nil }

// InSession says what the other side makes of the set's certificate in a
// handshake, in its order.
func InSession(set Set, peer Peer, target libvirt.Target, now time.Time) []Finding { return nil }

// CAFile says what is to be said of a CA file and a CRL by themselves, on a
// machine that has no certificate of its own.
func CAFile(ca, crl File, product string, target libvirt.Target, now time.Time) []Finding { return nil }

// HostName reports whether a client that connects to name takes the first
// certificate of the file, by the rules of the target's GnuTLS; any wants all
// of them to.
func HostName(cert File, name string, target libvirt.Target) (ok bool, why string) {
	return false, ""
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
