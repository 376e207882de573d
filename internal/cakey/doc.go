// Package cakey opens a CA's key that is not in a file: private/cakey.pem then names the key in
// a token.
//
// It knows the forms of that file, asks for PINs, and says in one error why a key cannot be
// used. Package pkcs11 has the protocol of tokens. Package pki reads a key in a file.
package cakey
