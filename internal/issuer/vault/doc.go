// Package vault asks the PKI engine of HashiCorp Vault or OpenBao for certificates: by its
// HTTP API, with a token or as an AppRole, and with one role for servers and one for clients.
//
// Vault drops the O and OU of a request: the role sets them. What its roles have to be like,
// so that libvirt takes their certificates, package issuer says.
package vault
