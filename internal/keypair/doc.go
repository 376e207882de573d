// Package keypair handles a certificate with its key in a layout of libvirt's: the live one, the
// key that waits for a certificate, the previous ones, and the CA certificates and CRLs beside
// them.
//
// It reads files and plans them. It signs nothing, applies nothing, and does not decide which
// certificate a layout should hold.
package keypair
