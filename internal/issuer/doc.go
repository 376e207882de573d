// Package issuer requests certificates from a CA that is a service: step-ca, or Vault and
// OpenBao. It takes requests and returns a response with certificates, their CAs and the CRL,
// as virtpki sign makes it.
//
// A configuration file names the service, its address and the places of the secrets ([Load]).
// Packages step and vault speak to the services. A request never contains a private key. This
// package checks that a response belongs to the requests and comes from the intended CA.
// Package enroll decides whether libvirt accepts the files, and whether they are installed.
package issuer
