// Package pkcs11 is a client of PKCS#11 tokens: it finds a key by its URI (RFC 7512), makes
// one, and signs with it.
//
// The token's module is not loaded into this process. A separate program, p11-kit remote, loads
// it and speaks p11-kit's RPC protocol (draft-ueno-pkcs11-rpc, version 0) over a pipe; the same
// works through ssh to another machine. Everything that the program sends is bounded and
// checked, each signature included. The package does not read files and does not ask for PINs:
// its caller hands both in. It only knows signatures by RSA (PKCS#1 version 1.5) and ECDSA.
package pkcs11
