// Package cakey opens a CA's key that is not in a file: private/cakey.pem then names the
// key in a token.
//
// It knows the forms of that file, asks for PINs, and says in one error what keeps a key
// from being used. The protocol of tokens is internal/pkcs11's. A key in a file is read by
// pki.
package cakey
