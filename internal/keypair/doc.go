// Package keypair is a certificate with its key in a layout of libvirt's: the live one, the
// key that waits for a certificate, the previous ones, and the CA certificates and CRLs
// beside them.
//
// It reads files and plans them; it signs nothing and applies nothing. Which certificate
// is to be there is decided elsewhere.
package keypair
