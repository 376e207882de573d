// Package enroll gets certificates onto a host. It makes a pending key with a request for the
// CA, so that the key never leaves the host, and installs the CA's response.
//
// It takes a response as if somebody had tampered with it: each certificate, CA and CRL is
// checked against the files on the host, and judged as the daemon would, before it is placed.
// Key pairs that package adopt has read go the same way. The package issues no certificate
// and grants nothing: package sign does both, at the CA. The caller says which certificates
// are due.
package enroll
