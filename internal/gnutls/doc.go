// Package gnutls reads certificates, keys and CRLs as GnuTLS does, and accepts and refuses them
// as it does, quirk by quirk.
//
// It knows the files' text, one certificate, a chain under given CAs, a host name, a priority
// string, and what one build of the library can do. It does not know who asks: package judge holds
// the further demands of libvirt and QEMU. crypto/x509 cannot stand in for it, since it refuses
// some certificates that GnuTLS accepts, and accepts some that GnuTLS refuses. The package neither reads
// files nor looks at the clock, it makes no certificates, and no TLS connection trusts its verdict:
// it only predicts. The comments name the functions of GnuTLS 3.7 to 3.8 that each part follows.
package gnutls
