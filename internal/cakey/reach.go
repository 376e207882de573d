package cakey

import (
	"cmp"
	"path/filepath"
	"strings"

	"virtpki/internal/pkcs11"
	"virtpki/internal/tpm"
)

// Reach is what a sandboxed service has to open for a CA's key. An empty field is nothing.
type Reach struct {
	Device    string // a device, to read and write
	Directory string // a directory that is written into
}

// softHSMState is where Debian's and Fedora's SoftHSM keeps tokens; it writes locks there.
const softHSMState = "/var/lib/softhsm"

// ReachOf returns what a key needs, given the contents of its file. A token that a daemon
// serves (pcscd) or that is on another machine needs nothing.
func ReachOf(data []byte) Reach {
	form, block := device(data)
	switch form {
	case TPM:
		return Reach{Device: tpm.Device}
	case PKCS11:
		u, err := pkcs11.ParsePEM(block)
		if err == nil && u.Command == "" && strings.Contains(filepath.Base(u.ModulePath), "softhsm") {
			return Reach{Directory: softHSMState}
		}
	}
	return Reach{}
}

// With returns what two keys need.
func (r Reach) With(other Reach) Reach {
	return Reach{cmp.Or(r.Device, other.Device), cmp.Or(r.Directory, other.Directory)}
}
