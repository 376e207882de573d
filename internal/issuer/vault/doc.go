// Package vault requests certificates from the PKI engine of HashiCorp Vault or OpenBao. It
// uses the HTTP API, with a token or as an AppRole, and with one role for servers and one for
// clients.
//
// Vault drops the O and OU of a request: the role sets them. Package issuer says how its roles
// must be set up, so that libvirt accepts their certificates.
package vault
