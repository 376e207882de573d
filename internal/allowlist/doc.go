// Package allowlist says whom tls_allowed_dn_list lets in, and what is wrong with it.
//
// The rules of patterns and of both matchers are package dn's; here they meet a daemon's
// configuration, and the names of certificates. It asks no daemon and changes no list.
package allowlist
