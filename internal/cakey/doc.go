// Package cakey opens a CA's key in a device, a PKCS#11 token or a TPM: private/cakey.pem then names
// the key.
//
// It knows the forms of that file, asks for PINs, and says in one error why a key cannot be
// used. Package pkcs11 has the protocol of tokens. Package pki reads a key in a file.
package cakey
