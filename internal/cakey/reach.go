package cakey

import (
	"cmp"
	"path/filepath"
	"strings"

	"virtpki/internal/pkcs11"
	"virtpki/internal/tpm"
)

// Reach lists the paths that a sandboxed service has to open for a CA's key. An empty field
// stands for none.
type Reach struct {
	Device    string // a device, to read and write
	Directory string // a directory that the token's module writes into
}

// softHSMState is where Debian's and Fedora's SoftHSM keeps tokens; it writes locks there.
const softHSMState = "/var/lib/softhsm"

// ReachOf returns the paths for a key, given the contents of its file. A token that a daemon
// serves (pcscd) or that is on another machine needs none.
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

// With returns the paths for two keys.
func (r Reach) With(other Reach) Reach {
	return Reach{cmp.Or(r.Device, other.Device), cmp.Or(r.Directory, other.Directory)}
}
