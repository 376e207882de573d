package clientpack

import (
	"errors"

	"software.sslmate.com/src/go-pkcs12"
)

// errNoPassphrase says that a PKCS#12 file would be open to everyone.
var errNoPassphrase = errors.New("a PKCS#12 file needs a passphrase, and it is empty")

// pkcs12Rounds is the same number as for the key of a CA; see package pki. The usual default of
// other programs, 2,048, does not protect a passphrase that a person remembers.
const pkcs12Rounds = 600_000

// encodePKCS12 returns certificate, key and CA certificates as PKCS#12, encrypted with
// AES-256 under PBKDF2 with SHA-256 (RFC 7292; PBES2 of RFC 8018), which OpenSSL 1.1.1 and
// GnuTLS 3.7 read.
func encodePKCS12(c *Client, passphrase []byte) ([]byte, error) {
	if len(passphrase) == 0 {
		return nil, errNoPassphrase
	}
	return pkcs12.Modern2023.WithIterations(pkcs12Rounds).Encode(c.Key, c.Cert, c.CAs, string(passphrase))
}
