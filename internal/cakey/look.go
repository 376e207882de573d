package cakey

import (
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"

	"virtpki/internal/pkcs11"
	"virtpki/internal/tpm"
)

// Named is a key in a device, as the file of a CA's key names it. Nothing of it needs the device.
type Named struct {
	Form   Form
	URI    *pkcs11.URI      // of a key in a token
	Public crypto.PublicKey // of a key of a TPM; the file of a token's key does not hold it
}

// Look reads a file's contents. Named is nil if the file holds the key itself. The error says that
// the file names a key in a device, in a form that cannot be read.
func Look(data []byte) (*Named, error) {
	form, block := device(data)
	n := &Named{Form: form}
	var err error
	switch form {
	case PKCS11:
		n.URI, err = pkcs11.ParsePEM(block)
	case TPM:
		n.Public, err = tpm.PublicOf(block.Bytes)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

// String says where the key is, in words.
func (n *Named) String() string {
	if n.Form == TPM {
		return "for the TPM of one machine"
	}
	return "in a token, " + n.URI.Place()
}

// Words says where the key of a file is, if that is a device; otherwise it is empty.
func Words(data []byte) string {
	switch n, err := Look(data); {
	case err != nil:
		return fmt.Sprintf("in a device that its file does not name: %v", err)
	case n != nil:
		return n.String()
	}
	return ""
}

// programOfTokens is the program that reaches tokens.
const programOfTokens = "p11-kit"

// Reachable returns an error if the key cannot be used on this machine for a reason that shows
// without opening the device: a file that its URI names, the program that speaks to tokens, or the
// TPM at a path (empty for the machine's own) is missing or may not be used.
func (n *Named) Reachable(path string) error {
	if n.Form == TPM {
		if _, err := os.Stat((&Devices{TPM: path}).pathTPM()); errors.Is(err, fs.ErrNotExist) {
			return errors.New("no TPM 2.0 is there: only the machine with the TPM that made the key can sign")
		}
		return nil
	}
	if err := n.checkPIN(); err != nil || n.URI.Command != "" {
		return err
	}
	if module := n.URI.ModulePath; module != "" {
		if _, err := os.Stat(module); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no %s, the module of the token", module)
		}
	}
	if _, err := exec.LookPath(programOfTokens); err != nil {
		return fmt.Errorf("%s, which reaches the token, is not installed", programOfTokens)
	}
	return nil
}

// checkPIN returns an error if the file with the PIN of the token cannot be used.
func (n *Named) checkPIN() error {
	if n.URI.PINSource == "" || strings.Contains(n.URI.PINSource, "/dev/fd/") {
		return nil
	}
	_, err := readPIN(n.URI.PINSource)
	return err
}
