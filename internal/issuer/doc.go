// Package issuer has certificates signed by a CA that is a service: step-ca, or Vault and
// OpenBao. Requests go in; a response with certificates, their CAs and the CRL comes out,
// as virtpki sign makes it.
//
// A file says which service, where it is, and where the secrets are ([Load]). Packages step
// and vault speak to the services. A private key is never a part of a request. The package
// looks whether a response is for the requests, and by the CA that is meant; whether libvirt
// takes its files, and whether they are installed, package enroll decides.
package issuer
