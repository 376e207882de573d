// Package pki implements a certificate authority for libvirt: it makes keys, signs CA, server and
// client certificates, and builds revocation lists.
//
// It is a library of pure functions. It does not read files or the clock, and knows neither paths
// nor libvirt. Callers pass the time in, and get standard types back (crypto.Signer,
// *x509.Certificate). A subject is passed in as the encoded RDNSequence. The order and the string
// types of its attributes decide which text libvirt compares with tls_allowed_dn_list, and
// pkix.Name keeps neither.
//
// The templates of the certificates follow RFC 5280, with one choice that needs a reason: leaf
// certificates with an EC or Ed25519 key carry no keyUsage extension. libvirt before 11.6.0 refuses
// a critical keyUsage that lacks keyEncipherment, RFC 8813 forbids keyEncipherment for EC keys, and
// a keyUsage that is not critical makes virsh print a warning at every call. RFC 5280 section
// 4.2.1.3 allows a leaf certificate without the extension.
package pki
